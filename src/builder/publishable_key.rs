//! The publishable key of an instance, which contains the host of its frontend API.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use url::Url;

use crate::secret::{Environment, is_quoted};
use crate::transport::{BaseUrl, BaseUrlError, PlainHost, is_loopback};

/// Why a text is not a publishable key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PublishableKeyError {
    #[error("the value stands in quotes; remove the quotes")]
    Quotes,
    #[error("this is an instance secret key; set CLERK_SECRET_KEY (`secret_key`) to it")]
    SecretKey,
    #[error("expected a key that starts with `pk_test_` or `pk_live_`; copy it from the dashboard")]
    Prefix,
    #[error("the key does not hold a host name; copy it from the dashboard again")]
    Host,
}

/// The frontend API in a publishable key.
#[derive(Debug)]
pub(super) struct FrontendApi {
    base: BaseUrl,
    environment: Environment,
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl FrontendApi {
    /// Parses `pk_<test|live>_<base64 of the host and a dollar sign>`.
    pub(super) fn parse(key: &str, plain: Option<&PlainHost>) -> Result<Self, PublishableKeyError> {
        let key = key.trim();
        if is_quoted(key) {
            return Err(PublishableKeyError::Quotes);
        }
        if key.starts_with("sk_") {
            return Err(PublishableKeyError::SecretKey);
        }
        let (environment, coded) = key
            .strip_prefix("pk_")
            .and_then(|rest| Some((Environment::of(rest)?, rest.split_once('_')?.1)))
            .ok_or(PublishableKeyError::Prefix)?;
        let decoded = LENIENT
            .decode(coded)
            .map_err(|_| PublishableKeyError::Host)?;
        let text = String::from_utf8(decoded).map_err(|_| PublishableKeyError::Host)?;
        let host = text.strip_suffix('$').ok_or(PublishableKeyError::Host)?;
        let base = base_url(host, plain).ok_or(PublishableKeyError::Host)?;
        Ok(Self { base, environment })
    }

    /// Returns the value of `iss` in the instance's tokens.
    pub(super) fn issuer(&self) -> String {
        self.base.origin()
    }

    pub(super) const fn environment(&self) -> Environment {
        self.environment
    }

    pub(super) fn key_set(&self) -> Url {
        self.base.join(&[".well-known", "jwks.json"])
    }
}

/// Returns the base URL of a host: `https`, except for an emulator on the loopback interface or on the plain
/// host.
fn base_url(host: &str, plain: Option<&PlainHost>) -> Option<BaseUrl> {
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_host) {
        return None;
    }
    let parse = |scheme| -> Result<BaseUrl, BaseUrlError> {
        BaseUrl::parse_with(&format!("{scheme}://{host}"), plain)
    };
    let url = Url::parse(&format!("http://{host}")).ok()?;
    let base = if is_loopback(&url) || plain.is_some_and(|plain| plain.is_host_of(&url)) {
        parse("http")
    } else {
        parse("https")
    };
    base.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

    fn parse(key: &str) -> Result<FrontendApi, PublishableKeyError> {
        FrontendApi::parse(key, None)
    }

    fn key(text: &str) -> String {
        format!("pk_test_{}", STANDARD.encode(text))
    }

    #[test]
    fn rule_7_a_publishable_key_names_issuer_and_key_set() {
        let api = parse(&key("clean-mayfly-62.clerk.accounts.dev$")).unwrap();
        assert_eq!(api.issuer(), "https://clean-mayfly-62.clerk.accounts.dev");
        let url = "https://clean-mayfly-62.clerk.accounts.dev/.well-known/jwks.json";
        assert_eq!(api.key_set().as_str(), url);
        let unpadded = format!("pk_live_{}", STANDARD_NO_PAD.encode("clerk.a.com$"));
        assert_eq!(parse(&unpadded).unwrap().issuer(), "https://clerk.a.com");
        let local = parse(&key("127.0.0.1:4010$")).unwrap();
        assert_eq!(local.issuer(), "http://127.0.0.1:4010");
        let plain = PlainHost::parse("clerk-emulator");
        for (host, issuer) in [
            ("clerk-emulator:4010$", "http://clerk-emulator:4010"),
            ("clerk.a.com$", "https://clerk.a.com"),
        ] {
            let api = FrontendApi::parse(&key(host), plain.as_ref()).unwrap();
            assert_eq!(api.issuer(), issuer);
        }
    }

    #[test]
    fn rule_19_nothing_but_a_host_comes_out_of_a_publishable_key() {
        use PublishableKeyError::{Host, Prefix, Quotes, SecretKey};
        for (text, expected) in [
            ("sk_test_x".to_owned(), SecretKey),
            (format!("\"{}\"", key("a.b$")), Quotes),
            ("pk_prod_x".to_owned(), Prefix),
            (String::new(), Prefix),
            ("pk_test_".to_owned(), Host),
            ("pk_test_!!".to_owned(), Host),
            (key("a.b.c"), Host),
            (key("user@a.b$"), Host),
            (key("a.b/c$"), Host),
            (key("a.b?c$"), Host),
            (key("a.b#c$"), Host),
            (key("a.b\\c$"), Host),
            (key("$"), Host),
        ] {
            assert_eq!(parse(&text).unwrap_err(), expected, "{text}");
        }
    }
}
