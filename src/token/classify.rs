//! Tells the class of a token from its shape alone.

use super::bearer::{BearerToken, Presented};
use super::kind::TokenType;

/// The fewest bytes of an opaque token, its prefix included; Clerk's own have 30 and more.
const MIN_OPAQUE_LEN: usize = 8;

/// The shape of a token, which says how it is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Three parts in base64url: verified locally. Its header and subject tell its type.
    Jwt,
    /// A prefix that Clerk gives to this type: verified by the Backend API.
    Opaque(TokenType),
}

/// Returns the shape of a token, or `None` if it is no machine token of Clerk.
///
/// The shape of a JWT is looked for first, as Clerk's own SDKs do, so that `mt_a.b.c` is a broken
/// JWT and not a reason for a billed call.
pub(crate) fn classify(token: BearerToken<'_>) -> Option<Shape> {
    if is_jwt_shaped(token) {
        return Some(Shape::Jwt);
    }
    if token.as_bytes().len() < MIN_OPAQUE_LEN {
        return None;
    }
    opaque_type(token.as_bytes()).map(Shape::Opaque)
}

impl Presented<'_> {
    /// Returns the type that the first letters promise, unless the whole is a JWT.
    pub(crate) fn promised_type(self) -> Option<TokenType> {
        opaque_type(self.as_bytes())
    }
}

/// Prefixes are case-sensitive and never overlap.
fn opaque_type(token: &[u8]) -> Option<TokenType> {
    const PREFIXES: [(&str, TokenType); 3] = [
        ("mt_", TokenType::M2m),
        ("ak_", TokenType::ApiKey),
        ("oat_", TokenType::OAuth),
    ];
    PREFIXES
        .into_iter()
        .find(|(prefix, _)| token.starts_with(prefix.as_bytes()))
        .map(|(_, kind)| kind)
}

/// Exactly two dots, no part empty, and nothing outside the alphabet of base64url.
fn is_jwt_shaped(token: BearerToken<'_>) -> bool {
    if !token.looks_like_jwt() {
        return false;
    }
    let mut parts = token.as_bytes().split(|byte| *byte == b'.');
    !parts.any(<[u8]>::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(token: &str) -> Option<Shape> {
        classify(
            Presented::new(token.as_bytes(), 100)
                .and_then(Presented::read)
                .unwrap(),
        )
    }

    #[test]
    fn rule_3_shape_first_then_prefix() {
        assert_eq!(shape("eyJh.eyJz.c2ln"), Some(Shape::Jwt));
        assert_eq!(shape("mt_a.b.c"), Some(Shape::Jwt));
        assert_eq!(shape("mt_0123456789"), Some(Shape::Opaque(TokenType::M2m)));
        assert_eq!(shape("ak_LC/57+x="), Some(Shape::Opaque(TokenType::ApiKey)));
        assert_eq!(shape("oat_0123456"), Some(Shape::Opaque(TokenType::OAuth)));
        assert_eq!(shape("mt_01234"), Some(Shape::Opaque(TokenType::M2m)));
        assert_eq!(shape("mt_0123"), None, "too short to be one");
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
            assert_eq!(shape(other), None, "{other}");
        }
    }
}
