//! The kinds of rejection, one for each response that a client can get.

use http::StatusCode;

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
