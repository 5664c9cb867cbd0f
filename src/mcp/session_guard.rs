//! A layer that keeps sessions of an MCP server with those who began them.

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

/// Answers 404 to whoever uses a session (`Mcp-Session-Id`) that another identity began; stands
/// inside a [`ClerkMachineAuth`](crate::ClerkMachineAuth) layer (P7).
///
/// MCP servers with sessions, which protocol revisions before 2026-07-28 have, know who begins a
/// session, and take the session's id for proof of who uses it. With it anybody with a good token of
/// their own reads, uses and ends the session of somebody else. rmcp is such a server.
///
/// An identity is the type of the token, its subject and its client: a new token of the same client
/// for the same user goes on with the session. A client takes the 404 for the end of its session and
/// begins anew.
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
/// A session that is not known here is nobody's: 404. So is one that was begun without a token, for
/// everybody with one. Up to 10 000 sessions are known, 1 000 of one identity, each until it was not
/// used for 24 hours; they are kept by keyed hashes. They are those of this process: replicas that
/// share sessions need an affinity of sessions.
#[derive(Debug, Clone)]
#[must_use]
pub struct McpSessionGuard {
    sessions: Arc<Sessions>,
}

impl McpSessionGuard {
    /// Knows no session yet; clones know the same ones.
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

/// The service of [`McpSessionGuard`].
#[derive(Debug, Clone)]
pub struct McpSessionGuardService<S> {
    inner: S,
    sessions: Arc<Sessions>,
}

/// A request that is passed on.
struct Passed {
    owner: Owner,
    /// The session that it ends, if the server agrees.
    ends: Option<Box<[u8]>>,
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
                ends: named
                    .filter(|_| *request.method() == Method::DELETE)
                    .map(Into::into),
            }),
        }
    }
}

/// Reads the session of a request. Of two the server may take the other one.
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
    /// The future of [`McpSessionGuardService`].
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
            match (&passed.ends, response.headers().get(SESSION_ID)) {
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
