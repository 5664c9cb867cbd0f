//! Why a request was not let through, in a form that is safe to print and to match on.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use crate::scope::ScopePolicy;

/// The classes of rejection, one for each answer that a client can get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthErrorKind {
    /// No token was sent: 401, with a challenge that names no error.
    MissingToken,
    /// The request does not carry exactly one well-formed token: 400.
    InvalidRequest,
    /// A token was sent and is not accepted here, for whatever reason: 401.
    InvalidToken,
    /// The token is genuine and lacks a scope that the route asks for: 403.
    InsufficientScope,
    /// Whether the token is genuine cannot be found out just now: 503.
    Unavailable,
    /// The service itself is put together wrongly: 500.
    Internal,
}

impl AuthErrorKind {
    /// Returns the HTTP status that this class is answered with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::MissingToken | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::InsufficientScope => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The exact cause, for the logs and metrics of the service; clients never see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// No token was sent.
    NoToken,
    /// The header fields do not hold exactly one well-formed token.
    Malformed,
    /// The token is of no class of machine token.
    UnknownClass,
    /// The route or the authenticator does not accept this type of token.
    TypeNotAccepted,
    /// The bearer sent a secret of this service as a token.
    OwnSecret,
    /// The JWT is not well-formed, or of a form that is refused.
    BadJwt,
    /// No key of the key set has the `kid` of the JWT.
    UnknownKey,
    /// The signature of the JWT is wrong.
    BadSignature,
    /// A claim of the JWT is missing, of the wrong type, or not the one asked for.
    BadClaims,
    /// The token has expired.
    Expired,
    /// The token is not valid yet.
    NotYetValid,
    /// Another issuer made the token.
    WrongIssuer,
    /// The token is meant for another audience.
    WrongAudience,
    /// Clerk does not know the token, or has revoked it.
    UnknownToken,
    /// The token may not reach this machine.
    WrongReceiver,
    /// The token is on the local revocation list.
    Revoked,
    /// The token lacks a scope that the route asks for.
    MissingScope,
    /// There is no usable key set, and it cannot be fetched.
    NoKeys,
    /// Clerk did not answer, or answered with an error of its own.
    Upstream,
    /// Clerk answered with something that cannot be read.
    UpstreamAnswer,
    /// Clerk asks for fewer calls.
    RateLimited,
    /// Clerk rejects the secret of this service.
    Credentials,
    /// Too many calls to Clerk are under way or were made.
    Overload,
    /// A verification ended without a result.
    FlightLost,
    /// There is no Tokio runtime to verify on.
    NoRuntime,
    /// An extractor runs behind no `ClerkMachineAuth` layer.
    NoLayer,
    /// A route asks for a scope that cannot be one.
    BadScopeList,
}

impl Reason {
    const fn kind(self) -> AuthErrorKind {
        match self {
            Self::NoToken => AuthErrorKind::MissingToken,
            Self::Malformed => AuthErrorKind::InvalidRequest,
            Self::UnknownClass
            | Self::TypeNotAccepted
            | Self::OwnSecret
            | Self::BadJwt
            | Self::UnknownKey
            | Self::BadSignature
            | Self::BadClaims
            | Self::Expired
            | Self::NotYetValid
            | Self::WrongIssuer
            | Self::WrongAudience
            | Self::UnknownToken
            | Self::WrongReceiver
            | Self::Revoked => AuthErrorKind::InvalidToken,
            Self::MissingScope => AuthErrorKind::InsufficientScope,
            Self::NoKeys
            | Self::Upstream
            | Self::UpstreamAnswer
            | Self::RateLimited
            | Self::Credentials
            | Self::Overload
            | Self::FlightLost => AuthErrorKind::Unavailable,
            Self::NoRuntime | Self::NoLayer | Self::BadScopeList => AuthErrorKind::Internal,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::Malformed => "malformed",
            Self::UnknownClass => "unknown_class",
            Self::TypeNotAccepted => "type_not_accepted",
            Self::OwnSecret => "own_secret",
            Self::BadJwt => "bad_jwt",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::BadClaims => "bad_claims",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::UnknownToken => "unknown_token",
            Self::WrongReceiver => "wrong_receiver",
            Self::Revoked => "revoked",
            Self::MissingScope => "missing_scope",
            Self::NoKeys => "no_keys",
            Self::Upstream => "upstream",
            Self::UpstreamAnswer => "upstream_answer",
            Self::RateLimited => "rate_limited",
            Self::Credentials => "credentials",
            Self::Overload => "overload",
            Self::FlightLost => "flight_lost",
            Self::NoRuntime => "no_runtime",
            Self::NoLayer => "no_layer",
            Self::BadScopeList => "bad_scope_list",
        }
    }
}

/// Why a request was not let through.
///
/// The layer puts it into the extensions of every response that it makes itself, so that outer
/// layers can count and log rejections without reading bodies.
///
/// # Security
///
/// Holds no byte of the request. [`reason`](Self::reason) is for the operator: what a client is
/// told is the [`kind`](Self::kind) alone, so that an attacker cannot tell an expired token from
/// an unknown one.
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
}

impl AuthError {
    pub(crate) const fn new(reason: Reason) -> Self {
        Self {
            reason,
            retry_after: None,
            required: None,
        }
    }

    /// Marks a rejection that time may mend.
    pub(crate) const fn retry_after(reason: Reason, delay: Duration) -> Self {
        Self {
            reason,
            retry_after: Some(delay),
            required: None,
        }
    }

    pub(crate) const fn missing_scope(required: ScopePolicy) -> Self {
        Self {
            reason: Reason::MissingScope,
            retry_after: None,
            required: Some(required),
        }
    }

    /// Returns the class of the rejection.
    #[must_use]
    pub const fn kind(&self) -> AuthErrorKind {
        self.reason.kind()
    }

    /// Returns the HTTP status that this rejection is answered with.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.kind().status()
    }

    /// Returns the exact cause as a fixed word, fit for a log field or a metric label.
    ///
    /// # Security
    ///
    /// Not for clients: it tells an expired token from an unknown one.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.reason.as_str()
    }

    /// Returns after how long another try may succeed, where time alone may mend it.
    #[must_use]
    pub const fn retry_delay(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns the scopes that the route asks for, where one was missing.
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
            AuthErrorKind::Internal => "the service is not set up to verify tokens",
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
