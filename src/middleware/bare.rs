//! Rejections without a body, for bodies that cannot be made from bytes.

use http::{HeaderValue, Response, header};

use super::rejection::ResponseForAuthError;
use crate::error::{AuthError, AuthErrorKind};

/// Answers with the status and an empty body.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyBody;

impl<B: Default> ResponseForAuthError<B> for EmptyBody {
    fn response_for(&self, error: &AuthError) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = error.status();
        response
    }
}

/// Answers as gRPC does: HTTP status 200, with the code and the message in `grpc-status` and
/// `grpc-message`. For tonic services.
///
/// | rejection | `grpc-status` |
/// |---|---|
/// | missing or invalid token | 16 `UNAUTHENTICATED` |
/// | malformed request | 3 `INVALID_ARGUMENT` |
/// | missing scope | 7 `PERMISSION_DENIED` |
/// | unavailable | 14 `UNAVAILABLE` |
/// | internal | 13 `INTERNAL` |
#[derive(Debug, Clone, Copy, Default)]
pub struct GrpcStatus;

impl<B: Default> ResponseForAuthError<B> for GrpcStatus {
    fn response_for(&self, error: &AuthError) -> Response<B> {
        let mut response = Response::new(B::default());
        let (code, message) = status(error.kind());
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/grpc"),
        );
        headers.insert("grpc-status", HeaderValue::from_static(code));
        headers.insert("grpc-message", HeaderValue::from_static(message));
        response
    }
}

const fn status(kind: AuthErrorKind) -> (&'static str, &'static str) {
    match kind {
        AuthErrorKind::MissingToken => ("16", "a bearer token is required"),
        AuthErrorKind::InvalidToken => ("16", "the token is not valid here"),
        AuthErrorKind::InvalidRequest => ("3", "the request does not carry exactly one token"),
        AuthErrorKind::InsufficientScope => ("7", "the token lacks a required scope"),
        AuthErrorKind::Unavailable => ("14", "the token cannot be verified at the moment"),
        AuthErrorKind::Internal => ("13", "the service is not set up to verify tokens"),
    }
}
