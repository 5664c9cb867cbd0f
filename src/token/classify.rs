//! Classifies a token by its shape alone (rule 3).

use super::bearer::{BearerToken, RawToken};
use super::types::TokenType;

/// The minimum length of an opaque token with its prefix. Clerk's have at least 30 bytes. Anything
/// shorter than this is a typing mistake, and not worth a billed call.
const MIN_OPAQUE_LEN: usize = 8;

/// The format of a token, which decides how it is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Three parts in base64url. Verified locally; its header and subject determine its type.
    Jwt,
    /// A token with Clerk's prefix for this type. Verified by the Backend API.
    Opaque(TokenType),
}

/// Returns the format of a token, or `None` if it is not a machine token of Clerk.
///
/// The shape of a JWT is checked first, as in Clerk's own SDKs, so that `mt_a.b.c` is a malformed JWT
/// and does not cause a billed call.
pub(crate) fn classify(token: BearerToken<'_>) -> Option<Format> {
    if token.has_jwt_shape() {
        return Some(Format::Jwt);
    }
    if token.as_bytes().len() < MIN_OPAQUE_LEN {
        return None;
    }
    opaque_type(token.as_bytes()).map(Format::Opaque)
}

impl RawToken<'_> {
    /// Returns the type that the prefix indicates. A JWT may start with the same letters, so this is a
    /// hint until the token has been classified.
    pub(crate) fn type_hint(self) -> Option<TokenType> {
        opaque_type(self.as_bytes())
    }
}

/// Returns the type of an opaque token. Prefixes are case-sensitive and never overlap.
fn opaque_type(token: &[u8]) -> Option<TokenType> {
    const PREFIXES: [(&str, TokenType); 3] = [
        ("mt_", TokenType::M2m),
        ("ak_", TokenType::ApiKey),
        ("oat_", TokenType::OAuth),
    ];
    PREFIXES
        .into_iter()
        .find(|(prefix, _)| token.starts_with(prefix.as_bytes()))
        .map(|(_, token_type)| token_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(token: &str) -> Option<Format> {
        classify(
            RawToken::new(token.as_bytes(), 100)
                .and_then(RawToken::parse)
                .unwrap(),
        )
    }

    #[test]
    fn rule_3_shape_first_then_prefix() {
        assert_eq!(format("eyJh.eyJz.c2ln"), Some(Format::Jwt));
        assert_eq!(format("mt_a.b.c"), Some(Format::Jwt));
        assert_eq!(
            format("mt_0123456789"),
            Some(Format::Opaque(TokenType::M2m))
        );
        assert_eq!(
            format("ak_LC/57+x="),
            Some(Format::Opaque(TokenType::ApiKey))
        );
        assert_eq!(
            format("oat_0123456"),
            Some(Format::Opaque(TokenType::OAuth))
        );
        assert_eq!(format("mt_01234"), Some(Format::Opaque(TokenType::M2m)));
        assert_eq!(format("mt_0123"), None, "too short to be one");
    }

    #[test]
    fn rule_3_everything_else_is_no_machine_token() {
        for other in [
            "a.b",
            "a.b.c.d",
            "a..c",
            ".b.c",
            "a.b.",
            "a.b+.c",
            "a.b.c=",
            "MT_0123456789",
            "Ak_0123456789",
            "m2m_0123456789",
            "sk_test_0123456789",
            "mt_",
            "ak_a",
            "oat_a",
            "amt_0123456789",
            "dvb_0123456789",
            "mt-0123456789",
        ] {
            assert_eq!(format(other), None, "{other}");
        }
    }
}
