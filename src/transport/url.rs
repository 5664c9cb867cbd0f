//! The base URL of an upstream: `https`, or `http` on the loopback interface, and nothing else.

use std::fmt;

use url::{Host, Url};

/// Why a base URL is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BaseUrlError {
    #[error("it is not an absolute URL")]
    Syntax,
    #[error("it must use https (http is taken only for loopback addresses)")]
    Scheme,
    #[error("it must not hold a user name, a password, a query or a fragment")]
    Extras,
}

/// A checked base URL; every URL made from it stays on its host.
#[derive(Clone)]
pub(crate) struct BaseUrl(Url);

impl BaseUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, BaseUrlError> {
        let url = Url::parse(text.trim()).map_err(|_| BaseUrlError::Syntax)?;
        if url.cannot_be_a_base() || url.host().is_none() {
            return Err(BaseUrlError::Syntax);
        }
        if !is_confidential(&url) {
            return Err(BaseUrlError::Scheme);
        }
        if has_extras(&url) {
            return Err(BaseUrlError::Extras);
        }
        Ok(Self(url))
    }

    /// Appends path segments, each escaped as one segment.
    ///
    /// Segments come from string literals and from the identifier types, whose alphabet holds no
    /// dot: a segment `..` would be dropped by the URL parser and change which resource is meant.
    pub(crate) fn join(&self, segments: &[&str]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Returns the origin, as an issuer writes it.
    pub(crate) fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

fn is_confidential(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => is_loopback(url),
        _ => false,
    }
}

/// Tells whether the host can only be this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn has_extras(url: &Url) -> bool {
    !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_19_only_https_or_loopback_http() {
        for good in [
            "https://api.clerk.com",
            "http://127.0.0.1:4010/",
            "http://[::1]:1",
            "http://localhost",
        ] {
            assert!(BaseUrl::parse(good).is_ok(), "{good}");
        }
        let scheme = [
            "http://api.clerk.com",
            "http://127.0.0.1.evil.com",
            "http://localhost.evil.com",
            "ftp://localhost",
        ];
        for bad in scheme {
            assert_eq!(
                BaseUrl::parse(bad).unwrap_err(),
                BaseUrlError::Scheme,
                "{bad}"
            );
        }
        for bad in ["https://u@h", "https://u:p@h", "https://h?q", "https://h#f"] {
            assert_eq!(
                BaseUrl::parse(bad).unwrap_err(),
                BaseUrlError::Extras,
                "{bad}"
            );
        }
        for bad in ["", "api.clerk.com", "/v1", "data:x", "https://"] {
            assert_eq!(
                BaseUrl::parse(bad).unwrap_err(),
                BaseUrlError::Syntax,
                "{bad}"
            );
        }
    }

    #[test]
    fn joined_segments_keep_host_and_count() {
        let base = BaseUrl::parse("https://api.clerk.com/").unwrap();
        assert_eq!(
            base.join(&["v1", "machines"]).as_str(),
            "https://api.clerk.com/v1/machines"
        );
        assert_eq!(
            base.join(&["v1", "a/b?c#d"]).as_str(),
            "https://api.clerk.com/v1/a%2Fb%3Fc%23d"
        );
        let nested = BaseUrl::parse("https://proxy.example/clerk").unwrap();
        assert_eq!(
            nested.join(&["v1", "jwks"]).as_str(),
            "https://proxy.example/clerk/v1/jwks"
        );
    }
}
