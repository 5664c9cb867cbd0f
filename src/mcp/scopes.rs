//! A layer that requires scopes per tool.

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

/// Layer that requires scopes depending on the tool that an MCP request calls.
///
/// Put it inside the layer of a [`ProtectedResource`](crate::ProtectedResource) (P6).
///
/// Since protocol revision 2026-07-28, a request names its method and its tool in header fields, so
/// that this layer does not read the body. If the token lacks a scope, the client gets a 403 with
/// all scopes of the tool, and can sign in for them.
///
/// Requests of older revisions name the tool in the body only. For them, the layer requires the
/// [`default`](Self::default) scopes, and the tool itself calls
/// [`require_scopes`](crate::require_scopes()). If that fails before the server has sent its
/// response, the client gets the same 403. This is the case for rmcp with `json_response` and
/// without sessions. If the server has already started a stream, the client gets the error that the
/// tool returns.
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
/// The client chooses the revision. A tool that needs more than the default scopes must therefore
/// call [`require_scopes`](crate::require_scopes()), too. The server must compare the header fields
/// with the body, as the revision demands and as rmcp does.
///
/// A list that is empty or contains an invalid scope rejects every request.
#[derive(Debug, Clone)]
#[must_use]
pub struct McpScopes<R = EmptyBody> {
    tools: Arc<HashMap<Box<str>, Listed>>,
    default: Option<Listed>,
    rejection: R,
}

type Listed = Result<ScopePolicy, ScopeListError>;

impl McpScopes {
    /// Creates a layer that requires no scopes yet.
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
    /// Requires all of these scopes for calls of this tool, instead of the default ones.
    pub fn tool<S: AsRef<str>>(
        mut self,
        name: impl AsRef<str>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        let tools = Arc::make_mut(&mut self.tools);
        tools.insert(name.as_ref().into(), ScopePolicy::all(scopes));
        self
    }

    /// Requires all of these scopes for every other request.
    pub fn default<S: AsRef<str>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.default = Some(ScopePolicy::all(scopes));
        self
    }

    /// Customizes the responses to rejected requests.
    ///
    /// By default their body is empty, which works with every body type that implements `Default`.
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

/// Service of the [`McpScopes`] layer.
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
    /// Response future of [`McpScopesService`].
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
        // The tool's own response only says that it refused.
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
