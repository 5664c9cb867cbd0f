//! The base URL of an upstream: `https`, or `http` on the loopback interface only.

use std::fmt;

use url::{Host, Url};

use crate::secret::is_quoted;

/// Why a base URL is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BaseUrlError {
    #[error("it is not an absolute URL, as `https://api.clerk.com` is")]
    Syntax,
    #[error("it stands in quotes; remove the quotes")]
    Quotes,
    #[error(
        "it must use https (http is accepted for loopback addresses only, and for the host of an \
        emulator that `danger_accept_plain_http` names)"
    )]
    Scheme,
    #[error("it must not hold a user name, a password, a query or a fragment")]
    Extras,
    #[error("its path can only be `/v1`, or none: Clerk answers 404 to every call elsewhere")]
    Path,
}

/// A host that is called over plain `http` although it is another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlainHost(Box<str>);

impl PlainHost {
    /// Reads a host name or an address, without a scheme and without a port.
    pub(crate) fn parse(host: &str) -> Option<Self> {
        let url = Url::parse(&format!("http://{host}/")).ok()?;
        let alone = url
            .host_str()
            .is_some_and(|name| name.eq_ignore_ascii_case(host));
        alone.then(|| Self(host.to_ascii_lowercase().into()))
    }

    pub(crate) fn is_host_of(&self, url: &Url) -> bool {
        url.scheme() == "http" && url.host_str() == Some(&*self.0)
    }
}

/// A checked base URL. Every URL derived from it stays on its host.
#[derive(Clone)]
pub(crate) struct BaseUrl(Url);

impl BaseUrl {
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Parses the address of the Backend API. A trailing `/v1` is removed.
    ///
    /// Other paths are rejected, because Clerk responds with 404 there, which would mean that a token
    /// is unknown.
    pub(crate) fn parse_api(text: &str, plain: Option<&PlainHost>) -> Result<Self, BaseUrlError> {
        let Self(mut url) = Self::parse_with(text, plain)?;
        match url.path().trim_end_matches('/') {
            "" | "/v1" => url.set_path(""),
            _ => return Err(BaseUrlError::Path),
        }
        Ok(Self(url))
    }

    pub(crate) fn parse(text: &str) -> Result<Self, BaseUrlError> {
        Self::parse_with(text, None)
    }

    /// Reads a base URL; `http` is accepted for the plain host as well.
    pub(crate) fn parse_with(text: &str, plain: Option<&PlainHost>) -> Result<Self, BaseUrlError> {
        let text = text.trim();
        if is_quoted(text) {
            return Err(BaseUrlError::Quotes);
        }
        let url = Url::parse(text).map_err(|_| BaseUrlError::Syntax)?;
        if url.cannot_be_a_base() || url.host().is_none() {
            return Err(BaseUrlError::Syntax);
        }
        if !is_confidential(&url) && !plain.is_some_and(|plain| plain.is_host_of(&url)) {
            return Err(BaseUrlError::Scheme);
        }
        if has_extras(&url) {
            return Err(BaseUrlError::Extras);
        }
        Ok(Self(url))
    }

    /// Appends path segments, each escaped as a single segment.
    ///
    /// Segments are string literals or identifiers, which contain no dot. The URL parser would drop a
    /// segment `..`, which would change the resource.
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

/// Returns `true` if the host is certainly this machine.
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
    fn rule_19_plain_http_goes_to_the_named_host_and_no_other() {
        let plain = PlainHost::parse("Clerk-Emulator").unwrap();
        let parse = |text| BaseUrl::parse_with(text, Some(&plain));
        for good in [
            "http://clerk-emulator:4010",
            "http://CLERK-EMULATOR",
            "https://h",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://api.clerk.com",
            "http://clerk-emulator.evil.com",
            "http://evil.clerk-emulator",
            "http://clerk-emulator@evil.com",
            "ftp://clerk-emulator",
        ] {
            assert_eq!(parse(bad).unwrap_err(), BaseUrlError::Scheme, "{bad}");
        }
        for bad in [
            "",
            "clerk-emulator:4010",
            "http://clerk-emulator",
            "a/b",
            "u@h",
            "a b",
        ] {
            assert_eq!(PlainHost::parse(bad), None, "{bad}");
        }
        assert!(PlainHost::parse("10.0.0.7").is_some());
    }

    #[test]
    fn the_backend_api_is_at_the_root_or_under_v1() {
        for good in [
            "https://h",
            "https://h/",
            "https://h/v1",
            " https://h/v1/ ",
            "https://h/v1//",
        ] {
            let base = BaseUrl::parse_api(good, None).unwrap();
            let url = base.join(&["v1", "jwks"]);
            assert_eq!(url.as_str(), "https://h/v1/jwks", "{good}");
        }
        for bad in [
            "https://h/v2",
            "https://h/api/v1",
            "https://h/v1/v1",
            "https://h/V1",
            "https://h//v1",
            "https://h/v1/machines",
            "https://h/clerk",
        ] {
            let error = BaseUrl::parse_api(bad, None).unwrap_err();
            assert_eq!(error, BaseUrlError::Path, "{bad}");
        }
        let quoted = BaseUrl::parse_api("\"https://h\"", None);
        assert_eq!(quoted.unwrap_err(), BaseUrlError::Quotes);
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
