//! The response formats for each gateway.

use http::{Response, header};

use crate::body::ResponseBody;
use crate::error::{AuthError, AuthErrorKind};
use crate::middleware::{ProblemJson, ResponseForAuthError};

/// The gateway in front of a [`ForwardAuth`](super::ForwardAuth) service, which determines the
/// format of responses.
///
/// | answer | Caddy, Traefik | nginx | Envoy |
/// |---|---|---|---|
/// | 200 | passes | passes | passes |
/// | 401 | whole to the client | status and challenge, body of nginx | whole |
/// | 403 | whole | status; the challenge with the configuration beside the example | whole |
/// | 400 | whole | answered as 401, since nginx makes a 500 of it | whole |
/// | 503 | whole | 503 and `Retry-After` with that configuration, else 500 | `status_on_error`, no `Retry-After` |
///
/// Only 200 lets a request pass, for all of them. A check without a response does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Gateway {
    /// Caddy, Traefik and others, which forward the whole rejection to the client.
    ForwardAuth,
    /// nginx's `auth_request`, which supports 2xx, 401 and 403, and turns everything else into 500.
    /// A 400 is sent as 401 `invalid_token`.
    Nginx,
    /// Envoy's `ext_authz` over HTTP, which is instructed to remove the token from the request.
    ///
    /// It replaces 5xx by an error of its own: set `status_on_error` to 503, since it is 403 by
    /// default. `examples/ext_authz` forwards the whole 503, over gRPC.
    Envoy,
}

impl ResponseForAuthError<ResponseBody> for Gateway {
    fn response_for(&self, error: &AuthError) -> Response<ResponseBody> {
        if *self == Self::Nginx && error.kind() == AuthErrorKind::InvalidRequest {
            return unauthorized(&error.as_invalid_token());
        }
        ProblemJson.response_for(error)
    }
}

/// The challenge is set here, since the status is not the rejection's own.
fn unauthorized(error: &AuthError) -> Response<ResponseBody> {
    let mut response: Response<ResponseBody> = ProblemJson.response_for(error);
    if let Some(challenge) = error.challenge() {
        let headers = response.headers_mut();
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}
