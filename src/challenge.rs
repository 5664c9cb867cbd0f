//! Writes the `WWW-Authenticate` field (RFC 6750 §3, RFC 9110 §11.6.1).
//!
//! Every challenge names a realm, since RFC 6750 §3 demands at least one parameter. Parameters are
//! separated by commas.

use http::HeaderValue;

use crate::error::{AuthError, AuthErrorKind};

impl AuthError {
    /// Returns the value of `WWW-Authenticate` for this rejection (RFC 6750 §3), or `None` if no
    /// other token would help: for 500 and 503.
    ///
    /// The layer sets the field itself. This is for responses that are made without it, such as from
    /// the error of [`Authenticator::verify`](crate::Authenticator::verify).
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
        let fixed = match self.kind() {
            AuthErrorKind::MissingToken => r#"Bearer realm="api""#,
            AuthErrorKind::InvalidRequest => r#"Bearer realm="api", error="invalid_request""#,
            AuthErrorKind::InvalidToken => r#"Bearer realm="api", error="invalid_token""#,
            AuthErrorKind::InsufficientScope => return insufficient_scope(self),
            AuthErrorKind::Unavailable | AuthErrorKind::Internal => return None,
        };
        Some(HeaderValue::from_static(fixed))
    }
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
            let challenge = error.challenge();
            let text = challenge.as_ref().map(|value| value.to_str().unwrap());
            assert_eq!(text, expected, "{error:?}");
        }
    }
}
