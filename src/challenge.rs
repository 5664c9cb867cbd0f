//! Writes the `WWW-Authenticate` field (RFC 6750 §3, RFC 9110 §11.6.1).
//!
//! Every challenge has a realm or the metadata URL of a protected resource (RFC 9728 §5.1), because RFC
//! 6750 §3 requires at least one parameter. Parameters are separated by commas.

use http::HeaderValue;

use crate::error::{AuthError, AuthErrorKind, Protection};

impl AuthError {
    /// Returns the value of `WWW-Authenticate` for this rejection (RFC 6750 §3), or `None` if another
    /// token would not help: for 500 and 503.
    ///
    /// The layer sets the field itself. Use this for responses that are created without it, for
    /// instance from an error of [`Authenticator::verify`](crate::Authenticator::verify).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let clerk = clerk_machine_auth::Authenticator::builder()
    /// #     .secret_key("sk_test_4f8a").machine_id("mch_2xhFjEI5X2qWRvtV13BzSj8H6Dk").build()?;
    /// let error = clerk.verify("no machine token").await.unwrap_err();
    /// let challenge = error.challenge().ok_or("another token would help")?;
    /// assert_eq!(challenge, r#"Bearer realm="api", error="invalid_request""#);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn challenge(&self) -> Option<HeaderValue> {
        match self.protection() {
            Some(protection) => challenge(self, protection),
            None => challenge(self, &Protection::default()),
        }
    }
}

/// Writes the challenge for a rejection: the metadata, the error, and the required scopes.
pub(crate) fn challenge(error: &AuthError, protection: &Protection) -> Option<HeaderValue> {
    let name = match error.kind() {
        AuthErrorKind::MissingToken => None,
        AuthErrorKind::InvalidRequest => Some("invalid_request"),
        AuthErrorKind::InvalidToken => Some("invalid_token"),
        AuthErrorKind::InsufficientScope => Some("insufficient_scope"),
        AuthErrorKind::Unavailable | AuthErrorKind::Internal => return None,
    };
    let mut text = String::from("Bearer ");
    protection.write_parameters(&mut text);
    if let Some(name) = name {
        text.extend([r#", error=""#, name, r#"""#]);
    }
    // Scopes contain nothing that would have to be escaped (RFC 6749 §3.3).
    if let Some(scopes) = error.required_scopes() {
        text.extend([r#", scope=""#, &scopes, r#"""#]);
    }
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
            let challenge = error.challenge();
            let text = challenge.as_ref().map(|value| value.to_str().unwrap());
            assert_eq!(text, expected, "{error:?}");
        }
    }

    #[test]
    fn p2_a_challenge_names_the_metadata_then_the_error_then_the_scopes() {
        let scopes = ScopePolicy::all(["a:read", "b"]).unwrap();
        let protection = Protection {
            resource_metadata: Some("https://a/.well-known/oauth-protected-resource".into()),
            ..Protection::default()
        };
        let protection = std::sync::Arc::new(protection);
        let prefix = r#"Bearer resource_metadata="https://a/.well-known/oauth-protected-resource""#;
        for (error, rest) in [
            (Reason::NoToken.into(), r#", scope="a:read b""#),
            (
                Reason::Expired.into(),
                r#", error="invalid_token", scope="a:read b""#,
            ),
            (Reason::Malformed.into(), r#", error="invalid_request""#),
            (
                AuthError::missing_scope(scopes.clone()),
                r#", error="insufficient_scope", scope="a:read b""#,
            ),
        ] {
            let error = AuthError::under(error, Some(&protection), Some(&scopes));
            assert_eq!(error.challenge().unwrap(), format!("{prefix}{rest}"));
        }
    }

    #[test]
    fn p2_a_realm_is_quoted() {
        let mut protection = Protection::default();
        protection.set_realm("a \"b\" \\ \u{e9}\n");
        let protection = std::sync::Arc::new(protection);
        let error = AuthError::from(Reason::NoToken).under(Some(&protection), None);
        assert_eq!(
            error.challenge().unwrap(),
            r#"Bearer realm="a \"b\" \\ ??""#
        );
    }
}
