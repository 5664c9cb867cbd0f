//! The reason for a rejection, safe to print and to match on.

mod protection;
mod reason;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

pub(crate) use self::protection::Protection;
pub use self::reason::AuthErrorKind;
pub(crate) use self::reason::Reason;
use crate::scope::ScopePolicy;

/// The maximum delay of an error, regardless of Clerk's `Retry-After`. Callers add it to the current
/// time, which may overflow for unbounded values.
pub(crate) const LONGEST_DELAY: Duration = Duration::from_secs(3_600);

/// Error of an authentication: why a request was rejected.
///
/// The layer inserts it into the extensions of every rejection, so that outer layers can count and
/// log rejections without reading bodies.
///
/// # Security
///
/// Contains no byte of the request. [`reason`](Self::reason) is for the operator. Clients only get
/// the [`kind`](Self::kind), so that an attacker cannot distinguish an expired token from an
/// unknown one.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::{AuthError, AuthErrorKind};
///
/// # async fn check(clerk: clerk_machine_auth::Authenticator) {
/// match clerk.verify("mt_unknown").await {
///     Ok(auth) => println!("hello {}", auth.subject()),
///     Err(error) if error.kind() == AuthErrorKind::Unavailable => println!("try again later"),
///     Err(error) => println!("rejected: {}", error.reason()),
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct AuthError {
    reason: Reason,
    retry_after: Option<Duration>,
    required: Option<ScopePolicy>,
    protection: Option<Arc<Protection>>,
}

impl AuthError {
    pub(crate) const fn new(reason: Reason) -> Self {
        Self {
            reason,
            retry_after: None,
            required: None,
            protection: None,
        }
    }

    /// Creates a rejection that is worth a retry after `delay`.
    pub(crate) fn unavailable_for(reason: Reason, delay: Duration) -> Self {
        Self {
            reason,
            retry_after: Some(delay.min(LONGEST_DELAY)),
            required: None,
            protection: None,
        }
    }

    pub(crate) const fn missing_scope(required: ScopePolicy) -> Self {
        Self {
            reason: Reason::MissingScope,
            retry_after: None,
            required: Some(required),
            protection: None,
        }
    }

    /// Adds the protection space of the layer that rejects: its metadata and, for a protected resource,
    /// the scopes to request, even if no token was sent.
    pub(crate) fn under(
        mut self,
        protection: Option<&Arc<Protection>>,
        asked: Option<&ScopePolicy>,
    ) -> Self {
        let Some(protection) = protection else {
            return self;
        };
        let is_resource = protection.resource_metadata.is_some();
        if is_resource && self.status() == StatusCode::UNAUTHORIZED && self.required.is_none() {
            self.required = asked.cloned();
        }
        self.protection = Some(Arc::clone(protection));
        self
    }

    /// Returns this rejection as one of an invalid token, for a client that must not learn the kind.
    pub(crate) fn as_invalid_token(&self) -> Self {
        Self {
            reason: Reason::UnknownClass,
            ..self.clone()
        }
    }

    pub(crate) fn protection(&self) -> Option<&Protection> {
        self.protection.as_deref()
    }

    /// Returns the kind of the rejection.
    #[must_use]
    pub const fn kind(&self) -> AuthErrorKind {
        self.reason.kind()
    }

    /// Returns the HTTP status of this rejection.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.kind().status()
    }

    /// Returns the exact cause as a constant word, for use as a log field or metric label.
    ///
    /// # Security
    ///
    /// Do not disclose it to clients: it distinguishes an expired token from an unknown one.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.reason.as_str()
    }

    /// Returns after how long a retry may succeed, if waiting helps; at most an hour.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns the scopes that the route requires, if one was missing, or that a client of a
    /// [`ProtectedResource`](crate::ProtectedResource) should request.
    #[must_use]
    pub fn required_scopes(&self) -> Option<String> {
        self.required.as_ref().map(ToString::to_string)
    }

    pub(crate) const fn cause(&self) -> Reason {
        self.reason
    }
}

impl From<Reason> for AuthError {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind() {
            AuthErrorKind::MissingToken => "no token was sent",
            AuthErrorKind::InvalidRequest => "the request does not carry exactly one token",
            AuthErrorKind::InvalidToken => "the token is not valid here",
            AuthErrorKind::InsufficientScope => "the token lacks a required scope",
            AuthErrorKind::Unavailable => "the token cannot be verified at the moment",
            AuthErrorKind::Internal => {
                let mistake = self.reason.mistake();
                mistake.unwrap_or("the service is not set up to verify tokens")
            }
        })
    }
}

impl fmt::Debug for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthError")
            .field("kind", &self.kind())
            .field("reason", &self.reason())
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for AuthError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_16_every_reason_has_one_status() {
        let table = [
            (Reason::NoToken, 401),
            (Reason::Malformed, 400),
            (Reason::WrongReceiver, 401),
            (Reason::MissingScope, 403),
            (Reason::Credentials, 503),
            (Reason::NoLayer, 500),
        ];
        for (reason, status) in table {
            assert_eq!(
                AuthError::new(reason).status().as_u16(),
                status,
                "{reason:?}"
            );
        }
    }

    #[test]
    fn rule_16_display_does_not_tell_bad_tokens_apart() {
        let shown = |reason| AuthError::new(reason).to_string();
        assert_eq!(shown(Reason::Expired), shown(Reason::BadSignature));
        assert_eq!(shown(Reason::Expired), shown(Reason::WrongReceiver));
    }
}
