//! The audience that an OAuth token must have.

use crate::error::Reason;

/// The audiences of this service. A token needs one of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audience {
    /// Compared byte by byte.
    names: Box<[Box<str>]>,
    /// Compared with [`is_same_resource`].
    resources: Box<[Box<str>]>,
}

impl Audience {
    pub(crate) fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        Self {
            names: boxed(names),
            resources: Box::default(),
        }
    }

    /// Adds the URLs of protected resources.
    pub(crate) fn with_resources<S: AsRef<str>>(self, urls: impl IntoIterator<Item = S>) -> Self {
        Self {
            resources: boxed(urls),
            ..self
        }
    }

    /// Checks that a configured audience is in the token (RFC 9068 §4). A token without an audience is
    /// rejected.
    pub(crate) fn check(&self, named: Option<&[Box<str>]>) -> Result<(), Reason> {
        if self.names.is_empty() && self.resources.is_empty() {
            return Ok(());
        }
        let named = named.unwrap_or_default();
        let is_ours = |name: &str| {
            self.names.iter().any(|ours| **ours == *name)
                || self
                    .resources
                    .iter()
                    .any(|ours| is_same_resource(ours, name))
        };
        match named {
            [] => Err(Reason::NoAudience),
            _ if named.iter().any(|name| is_ours(name)) => Ok(()),
            _ => Err(Reason::WrongAudience),
        }
    }
}

fn boxed<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Box<[Box<str>]> {
    let texts = texts.into_iter();
    texts.map(|text| Box::from(text.as_ref())).collect()
}

/// Returns `true` if two URLs name the same resource. Scheme and host are compared case-insensitively.
/// The scheme's default port and one trailing slash may be omitted (RFC 8707 §2, RFC 3986 §6.2.2.1 and
/// §6.2.3).
///
/// Nothing else is normalized, and no URL covers those below it: `https://a/mcp` and
/// `https://a/mcp/admin` are different resources. A URL parser would resolve `..`, drop control
/// characters and turn `\` into `/`, so none is used.
pub(crate) fn is_same_resource(one: &str, other: &str) -> bool {
    let (Some(one), Some(other)) = (Split::of(one), Split::of(other)) else {
        return one == other;
    };
    one.scheme.eq_ignore_ascii_case(other.scheme)
        && one.authority.eq_ignore_ascii_case(other.authority)
        && one.path == other.path
}

/// A URL without the parts that do not matter.
struct Split<'a> {
    scheme: &'a str,
    authority: &'a str,
    path: &'a str,
}

impl<'a> Split<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        Some(Self {
            scheme,
            authority: without_default_port(scheme, authority),
            path: path.strip_suffix('/').unwrap_or(path),
        })
    }
}

fn without_default_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let port = match scheme {
        _ if scheme.eq_ignore_ascii_case("https") => ":443",
        _ if scheme.eq_ignore_ascii_case("http") => ":80",
        _ => return authority,
    };
    authority.strip_suffix(port).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(audience: &Audience, named: &[&str]) -> Result<(), Reason> {
        let named: Vec<Box<str>> = named.iter().map(|name| Box::from(*name)).collect();
        audience.check(Some(&named))
    }

    #[test]
    fn p4_an_audience_may_differ_from_the_resource_in_case_port_and_one_slash() {
        let ours = Audience::default().with_resources(["https://mcp.example.com/Mcp"]);
        for same in [
            "https://mcp.example.com/Mcp",
            "https://mcp.example.com/Mcp/",
            "HTTPS://MCP.Example.COM/Mcp",
            "https://mcp.example.com:443/Mcp",
        ] {
            assert_eq!(check(&ours, &[same]), Ok(()), "{same}");
            assert_eq!(check(&ours, &["https://other", same]), Ok(()), "{same}");
        }
        for other in [
            "https://mcp.example.com/mcp",
            "https://mcp.example.com/Mcp//",
            "https://mcp.example.com/Mcp/admin",
            "https://mcp.example.com/M",
            "https://mcp.example.com",
            "https://mcp.example.com:8443/Mcp",
            "https://mcp.example.com:80/Mcp",
            "http://mcp.example.com/Mcp",
            "https://mcp.example.com/x/../Mcp",
            "https://mcp.example.com/%4Dcp",
            "https://mcp.example.com\\Mcp",
            "https://user@mcp.example.com/Mcp",
            "https://mcp.example.com/Mcp?",
            "https://mcp.example.com/Mcp#",
            "https://mcp.example.com/Mcp?/",
            " https://mcp.example.com/Mcp",
            "https://mcp.example.com/Mcp\n",
            "https://mcp.example.com.evil.com/Mcp",
            "mcp.example.com/Mcp",
            "",
        ] {
            assert_eq!(
                check(&ours, &[other]),
                Err(Reason::WrongAudience),
                "{other}"
            );
        }
        assert_eq!(check(&ours, &[]), Err(Reason::NoAudience));
        assert_eq!(ours.check(None), Err(Reason::NoAudience));
    }

    #[test]
    fn p4_a_resource_without_a_path_is_its_origin() {
        let ours = Audience::default().with_resources(["http://127.0.0.1:80"]);
        for same in [
            "http://127.0.0.1",
            "http://127.0.0.1/",
            "HTTP://127.0.0.1:80/",
        ] {
            assert_eq!(check(&ours, &[same]), Ok(()), "{same}");
        }
        assert!(check(&ours, &["http://127.0.0.1/mcp"]).is_err());
    }

    #[test]
    fn rule_6_a_name_that_is_no_resource_is_compared_to_the_letter() {
        let ours = Audience::new(["https://api"]);
        assert_eq!(check(&ours, &["https://api"]), Ok(()));
        assert_eq!(check(&ours, &["https://api/"]), Err(Reason::WrongAudience));
        assert_eq!(Audience::default().check(None), Ok(()));
    }
}
