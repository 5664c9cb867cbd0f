//! A layer that binds the sessions of an MCP server to the identity that started them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::sessions::{Owner, Sessions};
use crate::error::{AuthError, Reason};
use crate::identity::{Anonymous, MachineAuth};
use crate::middleware::{EmptyBody, ResponseFuture, misplaced, reject};

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// Layer that binds an MCP session (`Mcp-Session-Id`) to the identity that started it.
///
/// Other identities get 404. Put it inside a [`ClerkMachineAuth`](crate::ClerkMachineAuth) layer
/// (P7).
///
/// Protocol revisions before 2026-07-28 have sessions. A server that treats the session id as proof
/// of identity lets everybody who knows the id, and has a valid token of their own, use and end the
/// session of somebody else. rmcp is such a server.
///
/// An identity is the type of the token, its subject and its client, so the session continues with
/// a new token of the same client for the same user. A client treats the 404 as the end of its
/// session and starts a new one.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "axum")]
/// # fn app(mcp: axum::Router, resource: &clerk_machine_auth::ProtectedResource, clerk: clerk_machine_auth::Authenticator) -> axum::Router {
/// use clerk_machine_auth::McpSessionGuard;
///
/// mcp.layer(McpSessionGuard::new()).layer(resource.layer(clerk))
/// # }
/// ```
///
/// # Security
///
/// An unknown session gets 404. So does a session that was started without a token, if the request
/// has one. The layer stores up to 10 000 sessions, 1 000 of them per identity, as keyed hashes. A
/// session expires after 24 hours without use. The sessions are those of this process: replicas
/// need session affinity.
#[derive(Debug, Clone)]
#[must_use]
pub struct McpSessionGuard {
    sessions: Arc<Sessions>,
}

impl McpSessionGuard {
    /// Creates a layer without sessions; its clones share them.
    pub fn new() -> Self {
        Self {
            sessions: Arc::new(Sessions::new()),
        }
    }
}

impl Default for McpSessionGuard {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for McpSessionGuard {
    type Service = McpSessionGuardService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        McpSessionGuardService {
            inner,
            sessions: Arc::clone(&self.sessions),
        }
    }
}

/// Service of the [`McpSessionGuard`] layer.
#[derive(Debug, Clone)]
pub struct McpSessionGuardService<S> {
    inner: S,
    sessions: Arc<Sessions>,
}

/// A request that is passed on.
struct Passed {
    owner: Owner,
    /// The session that it ends, if the server agrees.
    ended: Option<Box<[u8]>>,
}

/// Why a request is not passed on.
enum Stopped {
    NotFound,
    Rejected(AuthError),
}

impl<S> McpSessionGuardService<S> {
    fn check<A>(&self, request: &Request<A>) -> Result<Passed, Stopped> {
        let extensions = request.extensions();
        let auth = extensions.get::<MachineAuth>();
        if auth.is_none() && extensions.get::<Anonymous>().is_none() {
            let (method, uri) = (request.method(), request.uri());
            let error = misplaced(method, uri, Reason::NoLayer);
            return Err(Stopped::Rejected(error));
        }
        let owner = self.sessions.owner(auth).ok_or(Stopped::NotFound)?;
        let named =
            session(request.headers()).map_err(|reason| Stopped::Rejected(reason.into()))?;
        match named {
            Some(id) if !self.sessions.is_of(id, owner) => Err(Stopped::NotFound),
            named => Ok(Passed {
                owner,
                ended: named
                    .filter(|_| *request.method() == Method::DELETE)
                    .map(Into::into),
            }),
        }
    }
}

/// Reads the session of a request. Two are an error, because the server might use the other one.
fn session(headers: &HeaderMap) -> Result<Option<&[u8]>, Reason> {
    let mut values = headers.get_all(SESSION_ID).iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Reason::Malformed),
        (id, None) => Ok(id.map(AsRef::as_ref)),
    }
}

impl<S, A, B> Service<Request<A>> for McpSessionGuardService<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: Default,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = McpSessionGuardFuture<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (decided, passed) = match self.check(&request) {
            Ok(passed) => (
                ResponseFuture::inner(self.inner.call(request)),
                Some(passed),
            ),
            Err(Stopped::Rejected(error)) => {
                let response = reject(&EmptyBody, request.headers(), error);
                (ResponseFuture::answered(response), None)
            }
            Err(Stopped::NotFound) => {
                let mut response = Response::new(B::default());
                *response.status_mut() = StatusCode::NOT_FOUND;
                (ResponseFuture::answered(response), None)
            }
        };
        McpSessionGuardFuture {
            decided,
            passed,
            sessions: Arc::clone(&self.sessions),
        }
    }
}

pin_project! {
    /// Response future of [`McpSessionGuardService`].
    pub struct McpSessionGuardFuture<F, B> {
        #[pin]
        decided: ResponseFuture<F, B>,
        passed: Option<Passed>,
        sessions: Arc<Sessions>,
    }
}

impl<F, B, E> Future for McpSessionGuardFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.decided.poll(cx))?;
        if let Some(passed) = this.passed.take()
            && response.status().is_success()
        {
            match (&passed.ended, response.headers().get(SESSION_ID)) {
                (Some(ended), _) => this.sessions.forget(ended),
                (None, Some(begun)) => this.sessions.note(begun.as_bytes(), passed.owner),
                (None, None) => {}
            }
        }
        Poll::Ready(Ok(response))
    }
}

impl<F, B> fmt::Debug for McpSessionGuardFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpSessionGuardFuture")
            .finish_non_exhaustive()
    }
}
