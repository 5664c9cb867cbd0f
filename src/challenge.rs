//! Writes the `WWW-Authenticate` field (RFC 6750 §3, RFC 9110 §11.6.1).
//!
//! Every challenge names a realm, since RFC 6750 §3 demands at least one parameter. Parameters are
//! separated by commas.

use http::HeaderValue;

use crate::error::{AuthError, AuthErrorKind};

/// Returns the challenge for a rejection; `None` where another try with another token is no use.
pub(crate) fn challenge(error: &AuthError) -> Option<HeaderValue> {
    let fixed = match error.kind() {
        AuthErrorKind::MissingToken => r#"Bearer realm="api""#,
        AuthErrorKind::InvalidRequest => r#"Bearer realm="api", error="invalid_request""#,
        AuthErrorKind::InvalidToken => r#"Bearer realm="api", error="invalid_token""#,
        AuthErrorKind::InsufficientScope => return insufficient_scope(error),
        AuthErrorKind::Unavailable | AuthErrorKind::Internal => return None,
    };
    Some(HeaderValue::from_static(fixed))
}

/// The alphabet of scopes holds nothing that would have to be escaped (RFC 6749 §3.3).
fn insufficient_scope(error: &AuthError) -> Option<HeaderValue> {
    let scopes = error.required_scopes().unwrap_or_default();
    let text = format!(r#"Bearer realm="api", error="insufficient_scope", scope="{scopes}""#);
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Reason;
    use crate::scope::ScopePolicy;

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
            (Reason::NoLayer.into(), None),
        ];
        for (error, expected) in table {
            let challenge = challenge(&error);
            let text = challenge.as_ref().map(|value| value.to_str().unwrap());
            assert_eq!(text, expected, "{error:?}");
        }
    }
}
