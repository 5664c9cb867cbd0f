//! The exact cause of a rejection, which clients never see.

use super::kind::AuthErrorKind;
use crate::tasks::{NoRuntime, TaskError};

/// The exact cause, for the logs and metrics of the service; clients never see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// No token was sent.
    NoToken,
    /// The header fields do not hold exactly one well-formed token.
    Malformed,
    /// The request carries another token beside the one that an outer layer verified.
    SecondToken,
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
    /// The token lives longer than this service allows, or does not say since when.
    LifetimeTooLong,
    /// The token was issued to an OAuth application that may not call.
    WrongClient,
    /// The token names no audience at all.
    NoAudience,
    /// Clerk does not know the token, or has revoked it.
    UnknownToken,
    /// The token may not reach this machine.
    WrongReceiver,
    /// The token is on the local revocation list.
    Revoked,
    /// The token lacks a scope that the route asks for.
    MissingScope,
    /// A gRPC method is called of which no scopes are listed.
    UnlistedMethod,
    /// There is no key set that decides on the token, and none can be fetched.
    NoKeys,
    /// Clerk did not answer, or answered with an error of its own.
    Upstream,
    /// Clerk answered with something that cannot be read.
    UpstreamAnswer,
    /// Clerk asks for fewer calls.
    RateLimited,
    /// Clerk rejects the secret of this service.
    Credentials,
    /// A quota at Clerk is used up, or the plan does not hold what is asked for.
    Quota,
    /// Too many calls to Clerk are under way or were made.
    Overload,
    /// A verification ended without a result.
    FlightLost,
    /// There is no Tokio runtime to verify on.
    NoRuntime,
    /// The Tokio runtime was built without timers.
    NoTimers,
    /// An extractor runs behind no `ClerkMachineAuth` layer.
    NoLayer,
    /// A layer of another authenticator has let the request in.
    ForeignLayer,
    /// A route asks for a scope that cannot be one.
    BadScopeList,
    /// A layer accepts no type of token.
    NothingAccepted,
    /// A gateway asks for a policy that there is not.
    UnknownPolicy,
    /// The identity does not fit into the header fields of an answer to a gateway.
    IdentityTooLong,
}

impl Reason {
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

    pub(super) const fn as_str(self) -> &'static str {
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

    /// Says what is wrong with the service, and the fix; `None` where a request or Clerk is at fault.
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
