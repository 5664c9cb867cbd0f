//! Entry points for the fuzz targets in `fuzz/`, compiled only under `--cfg fuzzing`.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

use crate::identity::UnixMillis;
use crate::jwt::{Audience, Clients, JwtPolicy, UnverifiedJwt};
use crate::keys::{KeySet, fixed};
use crate::opaque::OpaquePolicy;
use crate::token::{Format, RawToken, TokenSource, TokenType, classify};

/// The current time for fuzzed tokens, in seconds.
pub const NOW: u64 = 1_800_000_000;

/// Parses `Authorization` field lines. Returns the token if there is exactly one.
#[must_use]
pub fn bearer(lines: &[&[u8]]) -> Option<String> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(header::AUTHORIZATION, HeaderValue::from_bytes(line).ok()?);
    }
    let source = TokenSource {
        api_key_header: None,
        max_len: 8_192,
    };
    let (token, _) = source.find(&headers).ok()??;
    Some(token.parse().ok()?.as_str().to_owned())
}

/// Returns the format of a token: `jwt`, or the name of its opaque type.
#[must_use]
pub fn shape(token: &[u8]) -> Option<&'static str> {
    match classify(RawToken::new(token, 8_192).ok()?.parse().ok()?)? {
        Format::Jwt => Some("jwt"),
        Format::Opaque(token_type) => Some(token_type.as_str()),
    }
}

/// A public key that tokens are verified with.
#[derive(Debug)]
pub struct Key(KeySet);

impl Key {
    /// Creates a key from its modulus and exponent, both big-endian.
    #[must_use]
    pub fn new(n: &[u8], e: &[u8]) -> Option<Self> {
        fixed(n, e).map(Self)
    }

    /// Verifies a JWT. Returns its type and its subject.
    #[must_use]
    pub fn accepts(&self, token: &str) -> Option<(&'static str, String)> {
        let jwt = UnverifiedJwt::parse(token).ok()?;
        let signed = jwt.verify(&self.0).ok()?;
        let policy = JwtPolicy {
            skew: Duration::from_secs(5),
            ..JwtPolicy::default()
        };
        let auth = signed.accept(&policy, Duration::from_secs(NOW)).ok()?;
        Some((auth.token_type().as_str(), auth.subject().to_owned()))
    }
}

/// Parses a key set. Returns `true` if it is usable.
#[must_use]
pub fn key_set(document: &[u8]) -> bool {
    KeySet::parse(document).is_ok()
}

/// Parses the body of a 200 about a token. Returns its subject if the token is valid.
#[must_use]
pub fn answer(token_type: TokenType, body: &[u8]) -> Option<String> {
    let policy = OpaquePolicy {
        api_key_subjects: vec!["user_".into(), "org_".into()],
        audience: Audience::default(),
        clients: Clients::default(),
    };
    let auth = policy
        .read(token_type, body, UnixMillis(NOW * 1_000))
        .ok()?;
    Some(auth.subject().to_owned())
}
