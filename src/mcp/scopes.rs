//! A layer that asks for the scopes of a tool.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, Method, Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::headers::Asked;
use crate::error::{AuthError, Protection};
use crate::middleware::{
    EmptyBody, Refusal, ResponseForAuthError, ResponseFuture, check_scopes, reject,
};
use crate::scope::{ScopeListError, ScopePolicy};

/// Asks for scopes by the tool that an MCP request calls; stands inside the layer of a
/// [`ProtectedResource`](crate::ProtectedResource) (P6).
///
/// From protocol revision 2026-07-28 on, a request names its method and its tool in header fields,
/// so that nothing of the body is read here. A client whose token lacks a scope gets 403 with all
/// scopes of the tool, and signs in for them.
///
/// Requests of older revisions name the tool in the body only. They are held against
/// [`default`](Self::default), and the tool itself asks with
/// [`require_scopes`](crate::require_scopes()). Where the server answers in one piece, as rmcp does with
/// `json_response` and without sessions, its refusal becomes the same 403 for the client; where it
/// has begun a stream, the error that the tool returns.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::McpScopes;
///
/// let scopes = McpScopes::new()
///     .tool("delete_report", ["reports:write"])
///     .default(["reports:read"]);
/// ```
///
/// # Security
///
/// The client chooses the revision: let a tool that needs more than the default ask with
/// [`require_scopes`](crate::require_scopes()) as well. And the server has to hold the header fields
/// against the body, as the revision demands and rmcp does.
///
/// A list that is empty or holds what cannot be a scope lets nobody in.
#[derive(Debug, Clone)]
#[must_use]
pub struct McpScopes<R = EmptyBody> {
    tools: Arc<HashMap<Box<str>, Listed>>,
    default: Option<Listed>,
    rejection: R,
}

type Listed = Result<ScopePolicy, ScopeListError>;

impl McpScopes {
    /// Asks for nothing, and so lets in whom the layer outside lets in.
    pub fn new() -> Self {
        Self {
            tools: Arc::default(),
            default: None,
            rejection: EmptyBody,
        }
    }
}

impl Default for McpScopes {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> McpScopes<R> {
    /// Asks for all of these scopes where this tool is called, and for no others.
    pub fn tool<S: AsRef<str>>(
        mut self,
        name: impl AsRef<str>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        let tools = Arc::make_mut(&mut self.tools);
        tools.insert(name.as_ref().into(), ScopePolicy::all(scopes));
        self
    }

    /// Asks for all of these scopes for every other request.
    pub fn default<S: AsRef<str>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.default = Some(ScopePolicy::all(scopes));
        self
    }

    /// Answers rejections in a way of your own; by default with an empty body, which every server's
    /// type of body can be.
    pub fn on_rejection<N>(self, rejection: N) -> McpScopes<N> {
        McpScopes {
            tools: self.tools,
            default: self.default,
            rejection,
        }
    }

    fn check<A>(&self, request: &Request<A>) -> Result<(), AuthError> {
        let (method, extensions) = (request.method(), request.extensions());
        let asked = Asked::of(request.headers(), *method == Method::POST);
        let protection = extensions.get::<Arc<Protection>>();
        let asked = asked.map_err(|reason| AuthError::from(reason).under(protection, None))?;
        let own = match &asked {
            Asked::Tool(name) => self.tools.get(name),
            Asked::InBody | Asked::Other => None,
        };
        match own.or(self.default.as_ref()) {
            Some(list) => check_scopes(method, request.uri(), extensions, list.as_ref().ok()),
            None => Ok(()),
        }
    }
}

impl<S, R: Clone> Layer<S> for McpScopes<R> {
    type Service = McpScopesService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let required = self.clone();
        McpScopesService { inner, required }
    }
}

/// The service of [`McpScopes`].
#[derive(Debug, Clone)]
pub struct McpScopesService<S, R = EmptyBody> {
    inner: S,
    required: McpScopes<R>,
}

impl<S, A, B, R> Service<Request<A>> for McpScopesService<S, R>
where
    S: Service<Request<A>, Response = Response<B>>,
    R: ResponseForAuthError<B> + Clone,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = McpScopesFuture<S::Future, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let refusal = Refusal::default();
        let decided = match self.required.check(&request) {
            Ok(()) => {
                request.extensions_mut().insert(refusal.clone());
                ResponseFuture::inner(self.inner.call(request))
            }
            Err(error) => {
                let rejection = &self.required.rejection;
                ResponseFuture::answered(reject(rejection, request.headers(), error))
            }
        };
        McpScopesFuture {
            decided,
            refusal,
            rejection: self.required.rejection.clone(),
        }
    }
}

pin_project! {
    /// The future of [`McpScopesService`].
    pub struct McpScopesFuture<F, B, R> {
        #[pin]
        decided: ResponseFuture<F, B>,
        refusal: Refusal,
        rejection: R,
    }
}

impl<F, B, E, R> Future for McpScopesFuture<F, B, R>
where
    F: Future<Output = Result<Response<B>, E>>,
    R: ResponseForAuthError<B>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.decided.poll(cx))?;
        // The answer of the tool says no more than that it refused.
        Poll::Ready(Ok(match this.refusal.get() {
            Some(error) => reject(this.rejection, &HeaderMap::new(), error.clone()),
            None => response,
        }))
    }
}

impl<F, B, R> fmt::Debug for McpScopesFuture<F, B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpScopesFuture").finish_non_exhaustive()
    }
}
