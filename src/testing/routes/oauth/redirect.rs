//! Redirect URIs: registration, comparison and added parameters.

use url::{Url, form_urlencoded};

/// Schemes that run code or read files when a browser is redirected to them.
const HARMFUL: [&str; 8] = [
    "javascript",
    "data",
    "vbscript",
    "file",
    "blob",
    "about",
    "filesystem",
    "view-source",
];

/// Returns `true` if a client may register this URI: `https`, `http` on the loopback interface, or
/// an application's own scheme (RFC 8252 §7); no fragment, no user info, no harmful scheme.
pub(in crate::testing) fn is_allowed(uri: &str) -> bool {
    let plain = uri.bytes().all(|byte| byte.is_ascii_graphic()) && !uri.contains(['#', '\\']);
    let Some(url) = Url::parse(uri).ok().filter(|_| plain) else {
        return false;
    };
    match url.scheme() {
        "https" => url.username().is_empty() && url.password().is_none(),
        "http" => without_loopback_port(uri).is_some(),
        scheme => !HARMFUL.contains(&scheme),
    }
}

/// Returns `true` if a registered URI allows the one that a request names: byte for byte, but for
/// the port of a loopback address (RFC 8252 §7.3), which a native client gets at random.
pub(super) fn matches(registered: &str, named: &str) -> bool {
    if registered == named {
        return true;
    }
    let bare = without_loopback_port(registered);
    bare.is_some() && bare == without_loopback_port(named)
}

/// Host and rest of an `http` URI on the loopback interface; `None` for every other URI.
fn without_loopback_port(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let host = ["localhost", "127.0.0.1", "[::1]"]
        .into_iter()
        .find(|host| authority.starts_with(host))?;
    let port = authority.strip_prefix(host)?;
    let good = port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        });
    good.then_some((host, rest))
}

/// Adds parameters to the query of a redirect URI.
pub(super) fn with_parameters(uri: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    let separator = match uri.find('?') {
        None => "?",
        Some(_) if uri.ends_with(['?', '&']) => "",
        Some(_) => "&",
    };
    format!("{uri}{separator}{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_uris_may_be_registered() {
        for good in [
            "https://app.example/callback?x=1",
            "http://localhost/cb",
            "http://127.0.0.1:33418/cb",
            "http://[::1]:1/",
            "com.example.app:/callback",
            "cursor://anysphere.cursor-retrieval/oauth/callback",
        ] {
            assert!(is_allowed(good), "{good}");
        }
        for bad in [
            "",
            "/callback",
            "http://app.example/cb",
            "http://localhost.evil.example/cb",
            "http://localhost:80@evil.example/cb",
            "http://localhost\\@evil.example/cb",
            "http://127.0.0.1:99999/cb",
            "https://user@app.example/cb",
            "https://app.example/cb#part",
            "https://app.example/a b",
            "https://app.example/\r\nset-cookie:a=b",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
        ] {
            assert!(!is_allowed(bad), "{bad}");
        }
    }

    #[test]
    fn the_port_of_a_loopback_address_is_free_and_nothing_else() {
        assert!(matches("https://a.example/cb", "https://a.example/cb"));
        assert!(matches("http://127.0.0.1/cb", "http://127.0.0.1:5123/cb"));
        assert!(matches(
            "http://localhost:1/cb?a",
            "http://localhost:2/cb?a"
        ));
        for (registered, named) in [
            ("https://a.example/cb", "https://a.example:8443/cb"),
            ("https://a.example/cb", "https://a.example/cb/"),
            ("https://a.example/cb", "https://a.example/cb?x"),
            ("http://127.0.0.1/cb", "http://localhost/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:1/other"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:1@evil.example/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb"),
            ("http://127.0.0.1/cb", "https://127.0.0.1/cb"),
        ] {
            assert!(!matches(registered, named), "{named}");
        }
    }

    #[test]
    fn parameters_are_added_to_the_query() {
        let added = |uri| with_parameters(uri, &[("code", "a b"), ("state", "&")]);
        assert_eq!(
            added("https://a.example/"),
            "https://a.example/?code=a+b&state=%26"
        );
        assert_eq!(
            added("https://a.example/?x=1"),
            "https://a.example/?x=1&code=a+b&state=%26"
        );
        assert_eq!(
            added("https://a.example/?"),
            "https://a.example/?code=a+b&state=%26"
        );
    }
}
