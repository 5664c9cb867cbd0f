//! Problem details for HTTP APIs (RFC 9457): the default rejection.

use bytes::Bytes;
use http::{HeaderValue, Response, header};

use super::rejection::ResponseForAuthError;
use crate::error::{AuthError, AuthErrorKind};

/// Answers with `application/problem+json`.
///
/// Works for every body that is made from [`Bytes`]: axum's, `http_body_util::Full<Bytes>`, and
/// others.
///
/// # Security
///
/// There is one body for each [`AuthErrorKind`], fixed to the last byte: nothing of the request and
/// nothing of the reason can show in it.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProblemJson;

impl<B: From<Bytes>> ResponseForAuthError<B> for ProblemJson {
    fn response_for(&self, error: &AuthError) -> Response<B> {
        let mut response = Response::new(B::from(Bytes::from_static(body(error.kind()))));
        *response.status_mut() = error.status();
        let media_type = HeaderValue::from_static("application/problem+json");
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, media_type);
        response
    }
}

/// With `about:blank` the title is the phrase of the status (RFC 9457 §4.2.1).
const fn body(kind: AuthErrorKind) -> &'static [u8] {
    match kind {
        AuthErrorKind::MissingToken => {
            br#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"A bearer token is required."}"#
        }
        AuthErrorKind::InvalidRequest => {
            br#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"The request does not carry exactly one well-formed token."}"#
        }
        AuthErrorKind::InvalidToken => {
            br#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"The token is not valid here."}"#
        }
        AuthErrorKind::InsufficientScope => {
            br#"{"type":"about:blank","title":"Forbidden","status":403,"detail":"The token lacks a required scope."}"#
        }
        AuthErrorKind::Unavailable => {
            br#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"The token cannot be verified at the moment."}"#
        }
        AuthErrorKind::Internal => {
            br#"{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"The service is not set up to verify tokens."}"#
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_16_bodies_are_json_and_agree_with_their_status() {
        for kind in [
            AuthErrorKind::MissingToken,
            AuthErrorKind::InvalidRequest,
            AuthErrorKind::InvalidToken,
            AuthErrorKind::InsufficientScope,
            AuthErrorKind::Unavailable,
            AuthErrorKind::Internal,
        ] {
            let problem: serde_json::Value = serde_json::from_slice(body(kind)).unwrap();
            assert_eq!(problem["status"], kind.status().as_u16());
            assert_eq!(problem["title"], kind.status().canonical_reason().unwrap());
        }
    }
}
