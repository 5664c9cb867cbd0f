//! Writes the `WWW-Authenticate` field (RFC 6750 §3, RFC 9110 §11.6.1).

use http::HeaderValue;

use crate::error::{AuthError, AuthErrorKind};

/// The protection space that challenges name.
///
/// Every challenge has at least this parameter, as RFC 6750 §3 demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Realm(Box<str>);

/// The realm holds a character that would have to be quoted, or is no ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use printable ASCII without `\"` and `\\`")]
pub(crate) struct RealmError;

impl Realm {
    pub(crate) fn new(realm: &str) -> Result<Self, RealmError> {
        let allowed = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        if realm.bytes().all(allowed) {
            Ok(Self(realm.into()))
        } else {
            Err(RealmError)
        }
    }

    /// Writes the challenge for a rejection; `None` where another try with another token is no use.
    pub(crate) fn challenge(&self, error: &AuthError) -> Option<HeaderValue> {
        let parameters = match error.kind() {
            AuthErrorKind::MissingToken => String::new(),
            AuthErrorKind::InvalidRequest => parameter("error", "invalid_request"),
            AuthErrorKind::InvalidToken => parameter("error", "invalid_token"),
            AuthErrorKind::InsufficientScope => {
                let scopes = error.required_scopes().unwrap_or_default();
                parameter("error", "insufficient_scope") + &parameter("scope", &scopes)
            }
            AuthErrorKind::Unavailable | AuthErrorKind::Internal => return None,
        };
        HeaderValue::try_from(format!("Bearer realm=\"{}\"{parameters}", self.0)).ok()
    }
}

impl Default for Realm {
    fn default() -> Self {
        Self("api".into())
    }
}

/// Writes one further parameter; values are fixed words and checked scopes, which need no escapes.
fn parameter(name: &str, value: &str) -> String {
    format!(", {name}=\"{value}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Reason;
    use crate::scope::ScopePolicy;

    fn challenge(error: &AuthError) -> Option<String> {
        let value = Realm::default().challenge(error)?;
        Some(value.to_str().unwrap().to_owned())
    }

    #[test]
    fn rule_16_challenges_of_rfc_6750() {
        let scopes = ScopePolicy::all(["a:read", "b"]).unwrap();
        let table = [
            (Reason::NoToken.into(), Some(r#"Bearer realm="api""#)),
            (
                Reason::Malformed.into(),
                Some(r#"Bearer realm="api", error="invalid_request""#),
            ),
            (
                Reason::Expired.into(),
                Some(r#"Bearer realm="api", error="invalid_token""#),
            ),
            (
                AuthError::missing_scope(scopes),
                Some(r#"Bearer realm="api", error="insufficient_scope", scope="a:read b""#),
            ),
            (Reason::Upstream.into(), None),
        ];
        for (error, expected) in table {
            assert_eq!(challenge(&error).as_deref(), expected, "{error:?}");
        }
    }

    #[test]
    fn rule_16_a_realm_cannot_break_out_of_its_quotes() {
        for bad in ["a\"", "a\\", "a\r\n", "\u{e9}", "a\0"] {
            assert_eq!(Realm::new(bad), Err(RealmError), "{bad:?}");
        }
        assert!(Realm::new("Reports API (eu)").is_ok());
    }
}
