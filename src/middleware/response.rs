//! The responses to rejected requests; problem details by default.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use pin_project_lite::pin_project;

use crate::error::{AuthError, AuthErrorKind, Reason};

/// Creates the response to a rejected request.
///
/// Implemented for [`ProblemJson`](super::ProblemJson), [`EmptyBody`](super::EmptyBody),
/// [`GrpcStatus`](super::GrpcStatus), [`Auto`](super::Auto) and for closures.
///
/// The layer adds the [`AuthError`] as an extension, and `Cache-Control: no-store`. If the response
/// has the status of the rejection, the layer also adds `WWW-Authenticate` and `Retry-After`,
/// unless they are set.
///
/// # Security
///
/// Base the response on [`AuthError::kind`] only. [`AuthError::reason`] distinguishes an expired
/// token from an unknown one, and must not be disclosed to clients.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::{AuthError, ResponseForAuthError};
/// use http::Response;
///
/// fn teapot(error: &AuthError) -> Response<String> {
///     let mut response = Response::new(error.to_string());
///     *response.status_mut() = error.status();
///     response
/// }
///
/// fn takes(_: impl ResponseForAuthError<String>) {}
/// takes(teapot);
/// ```
pub trait ResponseForAuthError<B> {
    /// Returns the response.
    fn response_for(&self, error: &AuthError) -> Response<B>;

    /// Returns the response to a request with these header fields; by default that of
    /// [`response_for`](Self::response_for).
    ///
    /// # Security
    ///
    /// The fields may contain the token.
    fn response_to(&self, headers: &HeaderMap, error: &AuthError) -> Response<B> {
        let _ = headers;
        self.response_for(error)
    }
}

impl<B, F> ResponseForAuthError<B> for F
where
    F: Fn(&AuthError) -> Response<B>,
{
    fn response_for(&self, error: &AuthError) -> Response<B> {
        self(error)
    }
}

/// Responds with `application/problem+json`.
///
/// Works with every body type that implements `From<Bytes>`, such as axum's and
/// `http_body_util::Full<Bytes>`.
///
/// # Security
///
/// There is one constant body for each [`AuthErrorKind`], so it cannot disclose anything of the
/// request or the reason.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProblemJson;

impl<B: From<Bytes>> ResponseForAuthError<B> for ProblemJson {
    fn response_for(&self, error: &AuthError) -> Response<B> {
        let mut response = Response::new(B::from(Bytes::from_static(problem(error.kind()))));
        *response.status_mut() = error.status();
        let media_type = HeaderValue::from_static("application/problem+json");
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, media_type);
        response
    }
}

/// Returns the body. With `about:blank`, the title is the phrase of the status (RFC 9457 §4.2.1).
const fn problem(kind: AuthErrorKind) -> &'static [u8] {
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

/// Responds with the status and an empty body.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyBody;

impl<B: Default> ResponseForAuthError<B> for EmptyBody {
    fn response_for(&self, error: &AuthError) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = error.status();
        response
    }
}

/// Responds in the format of gRPC, for tonic services: HTTP status 200, with the code and the
/// message in `grpc-status` and `grpc-message`.
///
/// | rejection | `grpc-status` |
/// |---|---|
/// | missing or invalid token | 16 `UNAUTHENTICATED` |
/// | malformed request | 3 `INVALID_ARGUMENT` |
/// | missing scope | 7 `PERMISSION_DENIED` |
/// | unavailable | 14 `UNAVAILABLE`, and `grpc-retry-pushback-ms` |
/// | internal | 13 `INTERNAL` |
///
/// Clients with a retry policy wait for `grpc-retry-pushback-ms` milliseconds before they retry
/// (gRFC A6).
#[derive(Debug, Clone, Copy, Default)]
pub struct GrpcStatus;

impl<B: Default> ResponseForAuthError<B> for GrpcStatus {
    fn response_for(&self, error: &AuthError) -> Response<B> {
        let mut response = Response::new(B::default());
        let (code, message) = grpc_status(error.kind());
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/grpc"),
        );
        headers.insert("grpc-status", HeaderValue::from_static(code));
        headers.insert("grpc-message", HeaderValue::from_static(message));
        if let Some(delay) = pushback(error) {
            headers.insert("grpc-retry-pushback-ms", HeaderValue::from(delay));
        }
        response
    }
}

/// Returns the milliseconds after which a retry may succeed: a second if nothing is known.
pub(crate) fn pushback(error: &AuthError) -> Option<i32> {
    if error.kind() != AuthErrorKind::Unavailable {
        return None;
    }
    let delay = error.retry_after().unwrap_or(Duration::from_secs(1));
    Some(i32::try_from(delay.as_millis().max(1)).unwrap_or(i32::MAX))
}

/// Responds to gRPC requests like [`GrpcStatus`], and to others like [`ProblemJson`].
///
/// A gRPC request has the media type `application/grpc`, `application/grpc+proto` or similar.
///
/// Useful for a port that serves both, such as an axum router with tonic services merged into it.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "axum")]
/// # fn app(clerk: clerk_machine_auth::Authenticator, rest: axum::Router, grpc: axum::Router) -> axum::Router {
/// use clerk_machine_auth::ClerkMachineAuth;
/// use clerk_machine_auth::middleware::Auto;
///
/// rest.merge(grpc).layer(ClerkMachineAuth::new(clerk).on_rejection(Auto))
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Auto;

impl<B: From<Bytes> + Default> ResponseForAuthError<B> for Auto {
    fn response_for(&self, error: &AuthError) -> Response<B> {
        ProblemJson.response_for(error)
    }

    fn response_to(&self, headers: &HeaderMap, error: &AuthError) -> Response<B> {
        if is_grpc(headers) {
            GrpcStatus.response_for(error)
        } else {
            ProblemJson.response_for(error)
        }
    }
}

/// Returns `true` for gRPC's media types. They are compared case-insensitively (RFC 9110 §8.3.1).
fn is_grpc(headers: &HeaderMap) -> bool {
    const PREFIX: &[u8] = b"application/grpc";
    let media_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let prefix = media_type.and_then(|media_type| media_type.get(..PREFIX.len()));
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(PREFIX))
}

pub(crate) const fn grpc_status(kind: AuthErrorKind) -> (&'static str, &'static str) {
    match kind {
        AuthErrorKind::MissingToken => ("16", "a bearer token is required"),
        AuthErrorKind::InvalidToken => ("16", "the token is not valid here"),
        AuthErrorKind::InvalidRequest => ("3", "the request does not carry exactly one token"),
        AuthErrorKind::InsufficientScope => ("7", "the token lacks a required scope"),
        AuthErrorKind::Unavailable => ("14", "the token cannot be verified at the moment"),
        AuthErrorKind::Internal => ("13", "the service is not set up to verify tokens"),
    }
}

pin_project! {
    /// The response future of the layers: the response of the inner service, or that of a layer.
    pub struct ResponseFuture<F, B> {
        #[pin]
        kind: Kind<F, B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<F, B> {
        Inner { #[pin] future: F },
        Answered { response: Option<Response<B>> },
    }
}

impl<F, B> ResponseFuture<F, B> {
    pub(crate) const fn inner(future: F) -> Self {
        Self {
            kind: Kind::Inner { future },
        }
    }

    pub(crate) const fn answered(response: Response<B>) -> Self {
        let response = Some(response);
        Self {
            kind: Kind::Answered { response },
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProjection::Inner { future } => future.poll(cx),
            // Polled after completion, which the contract of futures forbids: stays pending.
            KindProjection::Answered { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => Poll::Pending,
            },
        }
    }
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// Creates the response and completes it.
pub(crate) fn reject<B>(
    maker: &impl ResponseForAuthError<B>,
    headers: &HeaderMap,
    error: AuthError,
) -> Response<B> {
    log(&error);
    let mut response = maker.response_to(headers, &error);
    complete(&mut response, &error);
    response.extensions_mut().insert(error);
    response
}

fn complete<B>(response: &mut Response<B>, error: &AuthError) {
    let is_own_status = response.status() == error.status();
    let headers = response.headers_mut();
    let no_store = HeaderValue::from_static("no-store");
    headers.entry(header::CACHE_CONTROL).or_insert(no_store);
    if !is_own_status {
        return;
    }
    if let Some(challenge) = error.challenge() {
        headers.entry(header::WWW_AUTHENTICATE).or_insert(challenge);
    }
    if error.status() == StatusCode::SERVICE_UNAVAILABLE {
        headers.entry(header::RETRY_AFTER).or_insert(seconds(error));
    }
}

/// Returns whole seconds, rounded up, and never 0: that would ask for an immediate retry.
fn seconds(error: &AuthError) -> HeaderValue {
    let delay = error.retry_after().unwrap_or_default();
    let whole = delay
        .as_secs()
        .saturating_add(u64::from(delay.subsec_nanos() > 0));
    HeaderValue::from(whole.clamp(1, 3_600))
}

/// Logs a rejection. Anybody can cause rejections, so only our own faults are logged above `debug`.
///
/// Misconfigured routes have been logged by [`misplaced`] already.
fn log(error: &AuthError) {
    let (status, reason) = (error.status().as_u16(), error.reason());
    if error.cause() == Reason::NoAudience {
        warn_of_no_audience();
    }
    if matches!(error.cause(), Reason::NoRuntime | Reason::NoTimers) {
        tracing::error!(status, reason, "{error}");
    } else {
        tracing::debug!(status, reason, "a request was rejected");
    }
}

/// Creates the rejection for a misconfigured route, and logs the route and the fix.
///
/// # Security
///
/// Only the beginning of the path is logged, since a query may contain secrets.
pub(crate) fn misplaced(method: &Method, uri: &Uri, reason: Reason) -> AuthError {
    const MAX_CHARS: usize = 200;
    let path = uri.path();
    let end = path.char_indices().nth(MAX_CHARS).map(|(end, _)| end);
    let path = end.and_then(|end| path.get(..end)).unwrap_or(path);
    let error = AuthError::from(reason);
    tracing::error!(reason = error.reason(), %method, path, "{error}");
    error
}

/// Logs the most likely mistake with a new protected resource once. A client with a token could repeat
/// it at will.
fn warn_of_no_audience() {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            "an OAuth token was rejected since Clerk put no audience into it: add the URL of this \
             resource to Clerk's dashboard, under Agents, MCP servers"
        );
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
            let document: serde_json::Value = serde_json::from_slice(problem(kind)).unwrap();
            assert_eq!(document["status"], kind.status().as_u16());
            assert_eq!(document["title"], kind.status().canonical_reason().unwrap());
        }
    }
}
