//! Where a token may be sent: to listed origins, over https or to a loopback address.

use std::net::IpAddr;

use http::Uri;
use url::Url;

use crate::config::BuildError;
use crate::transport::{BaseUrl, BaseUrlError};

const SETTING: &str = "origins";

/// The origins whose requests get a token.
#[derive(Debug, Clone)]
pub(super) enum Origins {
    /// The origin to which the client behind the layer is connected.
    Any,
    Listed(Vec<Origin>),
}

/// Scheme, host and port (RFC 6454 §4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    https: bool,
    host: String,
    port: u16,
}

/// The origin of a request, borrowed from its URI.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    https: bool,
    host: &'a str,
    port: u16,
}

impl Origins {
    /// Checks a list of origins.
    pub(super) fn listed<O: AsRef<str>>(
        origins: impl IntoIterator<Item = O>,
    ) -> Result<Self, BuildError> {
        let origins: Result<Vec<_>, _> = origins
            .into_iter()
            .map(|origin| Origin::parse(origin.as_ref()))
            .collect();
        match origins? {
            none if none.is_empty() => Err(BuildError::new(
                SETTING,
                "is empty, so that no call would get a token; name the services to be called, \
                 such as `https://reports.internal`",
            )),
            origins => Ok(Self::Listed(origins)),
        }
    }

    /// Returns `true` if a request to this URI may carry a token (rule O7).
    pub(super) fn allow(&self, uri: &Uri) -> bool {
        match (self, Target::of_uri(uri)) {
            (Self::Listed(origins), Some(target)) => target.is_among(origins),
            (Self::Any, Some(target)) => target.is_confidential(),
            // No authority yet: the connection determines it. Other schemes get no token.
            (Self::Any, None) => uri.scheme().is_none() && uri.authority().is_none(),
            (Self::Listed(_), None) => false,
        }
    }

    /// The same for a URL.
    #[cfg(feature = "reqwest-middleware")]
    pub(super) fn allow_url(&self, url: &Url) -> bool {
        match (self, Target::of_url(url)) {
            (Self::Listed(origins), Some(target)) => target.is_among(origins),
            (Self::Any, Some(target)) => target.is_confidential(),
            (_, None) => false,
        }
    }
}

impl Origin {
    fn parse(text: &str) -> Result<Self, BuildError> {
        BaseUrl::parse(text).map_err(|error| refused(text, error))?;
        let url = Url::parse(text.trim()).map_err(|_| refused(text, BaseUrlError::Syntax))?;
        if !matches!(url.path(), "" | "/") {
            let why = "has a path; an origin is scheme, host and port only";
            return Err(BuildError::new(SETTING, format!("`{text}` {why}")));
        }
        let target = Target::of_url(&url).ok_or_else(|| refused(text, BaseUrlError::Syntax))?;
        Ok(Self {
            https: target.https,
            host: target.host.to_owned(),
            port: target.port,
        })
    }
}

fn refused(text: &str, error: BaseUrlError) -> BuildError {
    match error {
        // The text may contain a password.
        BaseUrlError::Extras => BuildError::new(SETTING, error),
        _ => BuildError::new(SETTING, format!("`{text}`: {error}")),
    }
}

impl<'a> Target<'a> {
    fn of_uri(uri: &'a Uri) -> Option<Self> {
        let https = is_https(uri.scheme_str()?)?;
        Some(Self {
            https,
            host: uri.host()?,
            port: uri.port_u16().unwrap_or(default_port(https)),
        })
    }

    fn of_url(url: &'a Url) -> Option<Self> {
        let https = is_https(url.scheme())?;
        Some(Self {
            https,
            host: url.host_str()?,
            port: url.port().unwrap_or(default_port(https)),
        })
    }

    fn is_among(self, origins: &[Origin]) -> bool {
        origins.iter().any(|origin| {
            origin.https == self.https
                && origin.port == self.port
                && origin.host.eq_ignore_ascii_case(self.host)
        })
    }

    fn is_confidential(self) -> bool {
        self.https || is_loopback_name(self.host)
    }
}

fn is_https(scheme: &str) -> Option<bool> {
    if scheme.eq_ignore_ascii_case("https") {
        Some(true)
    } else {
        scheme.eq_ignore_ascii_case("http").then_some(false)
    }
}

const fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

/// Returns `true` if the host can only be this machine (RFC 6761 §6.3 for the names).
fn is_loopback_name(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = host.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(origins: &Origins, uri: &str) -> bool {
        origins.allow(&uri.parse().unwrap())
    }

    #[test]
    fn o7_only_listed_origins_get_a_token() {
        let origins = [
            "https://reports.internal",
            "http://127.0.0.1:4000/",
            "http://[::1]:5000",
        ];
        let origins = Origins::listed(origins).unwrap();
        for good in [
            "https://reports.internal/a?b",
            "https://reports.internal:443/",
            "HTTPS://Reports.Internal/",
            "http://127.0.0.1:4000/x",
            "http://[::1]:5000/x",
        ] {
            assert!(allows(&origins, good), "{good}");
        }
        for bad in [
            "http://reports.internal/",
            "https://reports.internal:8443/",
            "https://reports.internal.evil.example/",
            "https://evil.example/reports.internal",
            "https://reports.internal@evil.example/",
            "https://reports.internal./",
            "http://127.0.0.1:4001/",
            "http://127.0.0.2:4000/",
            "/relative",
            "reports.internal:443",
            "*",
        ] {
            assert!(!allows(&origins, bad), "{bad}");
        }
    }

    #[test]
    fn o7_any_origin_still_means_https_or_this_machine() {
        for good in [
            "/package.Service/Method",
            "https://anything.example/",
            "http://localhost:1/",
            "http://reports.localhost/",
            "http://127.9.9.9/",
            "http://[::1]/",
        ] {
            assert!(allows(&Origins::Any, good), "{good}");
        }
        for bad in [
            "http://reports.internal/",
            "http://127.0.0.1.evil.example/",
            "http://notlocalhost/",
            "ftp://localhost/",
            "reports.internal:443",
        ] {
            assert!(!allows(&Origins::Any, bad), "{bad}");
        }
    }

    #[test]
    fn o7_origins_that_are_none_are_refused_with_their_reason() {
        for (bad, why) in [
            ("reports.internal", "absolute URL"),
            ("http://reports.internal", "https"),
            ("https://reports.internal/v1", "path"),
            ("https://user:canary@reports.internal", "password"),
            ("https://reports.internal?a", "query"),
        ] {
            let error = Origins::listed([bad]).unwrap_err();
            assert_eq!(error.setting(), "origins");
            assert!(error.to_string().contains(why), "{error}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        let none: [&str; 0] = [];
        assert!(Origins::listed(none).is_err());
    }
}
