//! The exact cause of a rejection, which is never disclosed to clients.

use http::StatusCode;

use crate::tasks::{NoRuntime, TaskError};

/// The kinds of rejection, one for each response that a client can get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthErrorKind {
    /// No token was sent: 401, with a challenge without `error`.
    MissingToken,
    /// The request does not carry exactly one well-formed token: 400.
    InvalidRequest,
    /// The token is not accepted, for any reason: 401.
    InvalidToken,
    /// The token is valid, but lacks a scope that the route requires: 403.
    InsufficientScope,
    /// The token cannot be verified right now: 503.
    Unavailable,
    /// The service is misconfigured: 500.
    Internal,
}

impl AuthErrorKind {
    /// Returns the HTTP status of this kind of rejection.
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

/// The exact cause of a rejection, for logs and metrics. It is never disclosed to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// No token was sent.
    NoToken,
    /// The header fields do not contain exactly one well-formed token.
    Malformed,
    /// The request carries another token besides the one that an outer layer verified.
    SecondToken,
    /// The token is not of a known machine token type.
    UnknownClass,
    /// The route or the authenticator does not accept this token type.
    TypeNotAccepted,
    /// The client sent a secret of this service as a token.
    OwnSecret,
    /// The JWT is not well-formed, or has a refused form.
    BadJwt,
    /// No key of the key set has the `kid` of the JWT.
    UnknownKey,
    /// The signature of the JWT is wrong.
    BadSignature,
    /// A claim of the JWT is missing, has a wrong type, or has a wrong value.
    BadClaims,
    /// The token has expired.
    Expired,
    /// The token is not valid yet.
    NotYetValid,
    /// The token was issued by another issuer.
    WrongIssuer,
    /// The token is meant for another audience.
    WrongAudience,
    /// The lifetime of the token is longer than this service allows, or unknown.
    LifetimeTooLong,
    /// The token was issued to an OAuth application that may not call.
    WrongClient,
    /// The token has no audience.
    NoAudience,
    /// Clerk does not know the token, or has revoked it.
    UnknownToken,
    /// The token may not reach this machine.
    WrongReceiver,
    /// The token is on the local revocation list.
    Revoked,
    /// The token lacks a required scope.
    MissingScope,
    /// A gRPC method was called for which no scopes are listed.
    UnlistedMethod,
    /// There are no keys to verify the token with, and none can be fetched.
    NoKeys,
    /// Clerk did not respond, or responded with a server error.
    Upstream,
    /// Clerk's response cannot be read.
    UpstreamAnswer,
    /// Clerk rate-limits this service.
    RateLimited,
    /// Clerk rejects the secret of this service.
    Credentials,
    /// A quota at Clerk is used up, or the plan does not include the endpoint.
    Quota,
    /// Too many calls to Clerk are in flight or were made.
    Overload,
    /// A verification ended without a result.
    FlightLost,
    /// There is no Tokio runtime to run the verification.
    NoRuntime,
    /// The Tokio runtime was built without timers.
    NoTimers,
    /// An extractor runs without a `ClerkMachineAuth` layer.
    NoLayer,
    /// A layer of another authenticator has authenticated the request.
    ForeignLayer,
    /// A route requires an invalid scope.
    BadScopeList,
    /// A layer accepts no token type.
    NothingAccepted,
    /// A gateway requested a policy that does not exist.
    UnknownPolicy,
    /// The identity does not fit into the header fields of a response to a gateway.
    IdentityTooLong,
}

impl Reason {
    pub(crate) const COUNT: usize = Self::IdentityTooLong as usize + 1;

    pub(crate) const ALL: [Self; Self::COUNT] = [
        Self::NoToken,
        Self::Malformed,
        Self::SecondToken,
        Self::UnknownClass,
        Self::TypeNotAccepted,
        Self::OwnSecret,
        Self::BadJwt,
        Self::UnknownKey,
        Self::BadSignature,
        Self::BadClaims,
        Self::Expired,
        Self::NotYetValid,
        Self::WrongIssuer,
        Self::WrongAudience,
        Self::LifetimeTooLong,
        Self::WrongClient,
        Self::NoAudience,
        Self::UnknownToken,
        Self::WrongReceiver,
        Self::Revoked,
        Self::MissingScope,
        Self::UnlistedMethod,
        Self::NoKeys,
        Self::Upstream,
        Self::UpstreamAnswer,
        Self::RateLimited,
        Self::Credentials,
        Self::Quota,
        Self::Overload,
        Self::FlightLost,
        Self::NoRuntime,
        Self::NoTimers,
        Self::NoLayer,
        Self::ForeignLayer,
        Self::BadScopeList,
        Self::NothingAccepted,
        Self::UnknownPolicy,
        Self::IdentityTooLong,
    ];

    pub(super) const fn kind(self) -> AuthErrorKind {
        match self {
            Self::NoToken => AuthErrorKind::MissingToken,
            Self::Malformed | Self::SecondToken => AuthErrorKind::InvalidRequest,
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
            | Self::WrongClient
            | Self::LifetimeTooLong
            | Self::NoAudience
            | Self::UnknownToken
            | Self::WrongReceiver
            | Self::Revoked => AuthErrorKind::InvalidToken,
            Self::MissingScope | Self::UnlistedMethod => AuthErrorKind::InsufficientScope,
            Self::NoKeys
            | Self::Upstream
            | Self::UpstreamAnswer
            | Self::RateLimited
            | Self::Credentials
            | Self::Quota
            | Self::Overload
            | Self::FlightLost => AuthErrorKind::Unavailable,
            Self::NoRuntime
            | Self::NoTimers
            | Self::NoLayer
            | Self::ForeignLayer
            | Self::BadScopeList
            | Self::NothingAccepted
            | Self::UnknownPolicy
            | Self::IdentityTooLong => AuthErrorKind::Internal,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::Malformed => "malformed",
            Self::SecondToken => "second_token",
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
            Self::WrongClient => "wrong_client",
            Self::LifetimeTooLong => "lifetime_too_long",
            Self::NoAudience => "no_audience",
            Self::UnknownToken => "unknown_token",
            Self::WrongReceiver => "wrong_receiver",
            Self::Revoked => "revoked",
            Self::MissingScope => "missing_scope",
            Self::UnlistedMethod => "unlisted_method",
            Self::NoKeys => "no_keys",
            Self::Upstream => "upstream",
            Self::UpstreamAnswer => "upstream_answer",
            Self::RateLimited => "rate_limited",
            Self::Credentials => "credentials",
            Self::Quota => "quota",
            Self::Overload => "overload",
            Self::FlightLost => "flight_lost",
            Self::NoRuntime => "no_runtime",
            Self::NoTimers => "no_timers",
            Self::NoLayer => "no_layer",
            Self::ForeignLayer => "foreign_layer",
            Self::BadScopeList => "bad_scope_list",
            Self::NothingAccepted => "nothing_accepted",
            Self::UnknownPolicy => "unknown_policy",
            Self::IdentityTooLong => "identity_too_long",
        }
    }

    /// Returns the misconfiguration of the service and the fix. `None` if the request or Clerk is the
    /// cause.
    pub(crate) const fn mistake(self) -> Option<&'static str> {
        Some(match self {
            Self::NoRuntime => {
                "there is no Tokio runtime to verify the token on: call from within one"
            }
            Self::NoTimers => {
                "the Tokio runtime has no timers: build it with `enable_time` or `enable_all`"
            }
            Self::NoLayer => {
                "no `ClerkMachineAuth` layer has seen this request: add `ClerkMachineAuth` outside \
                 of what asks for the identity, with `.layer(…)` after its route"
            }
            Self::ForeignLayer => {
                "a `ClerkMachineAuth` layer of another `Authenticator` has let this request in: \
                 make layers inside each other from clones of one `Authenticator`"
            }
            Self::BadScopeList => {
                "a required scope cannot be one (RFC 6749 §3.3): correct the list of \
                 `require_scopes` or `RequireScopes`"
            }
            Self::NothingAccepted => {
                "the layer accepts no type of token: name at least one in `accept`"
            }
            Self::UnknownPolicy => {
                "the gateway asks for a policy that there is not: correct the first segment of the \
                 path in its configuration, or add the policy with `ForwardAuth::policy`"
            }
            Self::IdentityTooLong => {
                "the identity does not fit into 4 KiB of header fields: let the token carry fewer \
                 scopes"
            }
            _ => return None,
        })
    }
}

impl From<NoRuntime> for Reason {
    fn from(error: NoRuntime) -> Self {
        match error {
            NoRuntime::Missing => Self::NoRuntime,
            NoRuntime::WithoutTimers => Self::NoTimers,
        }
    }
}

impl From<TaskError> for Reason {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::Lost | TaskError::Stuck => Self::FlightLost,
            TaskError::Late => Self::Upstream,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_listed_at_its_place() {
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{}", reason.as_str());
        }
    }
}
