//! The classes of rejection, one for each answer that a client can get.

use http::StatusCode;

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
