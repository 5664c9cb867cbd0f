//! A layer for routes that ask for scopes.

use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use http::request::Parts;
use http::{Extensions, Method, Request, Response, Uri};
use tower_layer::Layer;
use tower_service::Service;

use super::response::{ProblemJson, ResponseForAuthError, ResponseFuture, misplaced, reject};
use crate::error::{AuthError, Protection, Reason};
use crate::identity::{Anonymous, MachineAuth};
use crate::scope::{ScopeListError, ScopePolicy};

/// Asks for scopes, on routes behind a [`ClerkMachineAuth`](super::ClerkMachineAuth) layer.
///
/// Scopes are compared exactly. A token that lacks one is answered with 403 and the list; a request
/// without a token, under [`optional`](super::ClerkMachineAuth::optional), with 401.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::RequireScopes;
///
/// let both = RequireScopes::all(["reports:read", "reports:write"]);
/// let either = RequireScopes::any(["reports:read", "admin"]);
/// let configured = RequireScopes::try_all(vec!["reports:read".to_owned()])?;
/// # Ok::<(), clerk_machine_auth::ScopeListError>(())
/// ```
///
/// An empty list would let every token in, so it does not compile:
///
/// ```compile_fail
/// let none: [&str; 0] = [];
/// clerk_machine_auth::RequireScopes::all(none);
/// ```
///
/// # Security
///
/// For an M2M token only the scopes count that this service grants to the sending machine with
/// [`AuthenticatorBuilder::grant_scopes`](crate::AuthenticatorBuilder::grant_scopes): those in the
/// token are claims that its sender chose. See [`MachineAuth::has_scope`].
///
/// A list with a scope that cannot be one (RFC 6749 §3.3) lets nobody in: every request is answered
/// with 500.
#[derive(Debug, Clone)]
#[must_use]
pub struct RequireScopes<R = ProblemJson> {
    policy: Result<ScopePolicy, ScopeListError>,
    rejection: R,
}

impl RequireScopes {
    /// Asks for all of these scopes.
    pub fn all<S: AsRef<str>, const N: usize>(scopes: [S; N]) -> Self {
        const { assert!(N > 0, "the list of required scopes is empty") };
        Self::of(ScopePolicy::all(scopes))
    }

    /// Asks for any one of these scopes.
    pub fn any<S: AsRef<str>, const N: usize>(scopes: [S; N]) -> Self {
        const { assert!(N > 0, "the list of required scopes is empty") };
        Self::of(ScopePolicy::any(scopes))
    }

    /// Asks for all of the scopes in a list that is known only when the service runs.
    ///
    /// # Errors
    ///
    /// Fails for an empty list, and for a scope that cannot be one.
    pub fn try_all<S: AsRef<str>>(
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<Self, ScopeListError> {
        ScopePolicy::all(scopes).map(|policy| Self::of(Ok(policy)))
    }

    /// Asks for any one of the scopes in a list that is known only when the service runs.
    ///
    /// # Errors
    ///
    /// Fails for an empty list, and for a scope that cannot be one.
    pub fn try_any<S: AsRef<str>>(
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<Self, ScopeListError> {
        ScopePolicy::any(scopes).map(|policy| Self::of(Ok(policy)))
    }

    const fn of(policy: Result<ScopePolicy, ScopeListError>) -> Self {
        Self {
            policy,
            rejection: ProblemJson,
        }
    }
}

impl<R> RequireScopes<R> {
    /// Answers rejections in a way of your own; see
    /// [`ResponseForAuthError`](super::ResponseForAuthError).
    pub fn on_rejection<N>(self, rejection: N) -> RequireScopes<N> {
        RequireScopes {
            policy: self.policy,
            rejection,
        }
    }

    fn check<A>(&self, request: &Request<A>) -> Result<(), AuthError> {
        let (method, uri) = (request.method(), request.uri());
        check_scopes(method, uri, request.extensions(), self.policy.as_ref().ok())
    }
}

/// Asks for all of these scopes from within a handler, such as a tool of an MCP server, behind a
/// [`ClerkMachineAuth`](super::ClerkMachineAuth) layer.
///
/// Use it where which scopes are needed shows only within the request. A missing one is an error of
/// the kind [`InsufficientScope`](crate::AuthErrorKind::InsufficientScope), whose
/// [`challenge`](AuthError::challenge) names the scopes, and the metadata of the
/// [`ProtectedResource`](crate::ProtectedResource) if there is one. Behind a
/// [`McpScopes`](crate::McpScopes) layer the client is answered with it.
///
/// # Errors
///
/// Fails as [`RequireScopes`] rejects: for a missing scope, for a request without a token, for a
/// list that is empty or holds what cannot be a scope, and where no layer has seen the request.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::{AuthError, require_scopes};
///
/// fn delete_report(parts: &http::request::Parts) -> Result<(), AuthError> {
///     require_scopes(parts, ["reports:write"])?;
///     // …
///     Ok(())
/// }
/// # let (parts, ()) = http::Request::new(()).into_parts();
/// assert_eq!(delete_report(&parts).unwrap_err().reason(), "no_layer");
/// ```
pub fn require_scopes<S: AsRef<str>>(
    parts: &Parts,
    scopes: impl IntoIterator<Item = S>,
) -> Result<(), AuthError> {
    let policy = ScopePolicy::all(scopes).ok();
    let (method, uri, extensions) = (&parts.method, &parts.uri, &parts.extensions);
    let checked = check_scopes(method, uri, extensions, policy.as_ref());
    if let (Err(error), Some(refusal)) = (&checked, extensions.get::<Refusal>()) {
        refusal.set(error);
    }
    checked
}

/// Checks the scopes of the identity that a layer left in a request; no policy is a mistaken one.
pub(crate) fn check_scopes(
    method: &Method,
    uri: &Uri,
    extensions: &Extensions,
    policy: Option<&ScopePolicy>,
) -> Result<(), AuthError> {
    let Some(policy) = policy else {
        return Err(misplaced(method, uri, Reason::BadScopeList));
    };
    let protection = extensions.get::<Arc<Protection>>();
    let error = match extensions.get::<MachineAuth>() {
        Some(auth) if policy.allows(|scope| has_scope(protection, auth, scope)) => return Ok(()),
        Some(_) => AuthError::missing_scope(policy.clone()),
        None if extensions.get::<Anonymous>().is_some() => Reason::NoToken.into(),
        None => return Err(misplaced(method, uri, Reason::NoLayer)),
    };
    Err(error.under(protection, Some(policy)))
}

/// Returns `true` for a scope that the sender has, or that one stands for by the layer's word.
pub(super) fn has_scope(
    protection: Option<&Arc<Protection>>,
    auth: &MachineAuth,
    scope: &str,
) -> bool {
    match protection {
        Some(protection) => {
            let has = |scope: &str| auth.has_scope(scope);
            protection.implications.hold(has, scope)
        }
        None => auth.has_scope(scope),
    }
}

/// A refusal of [`require_scopes`], left for the layer that answers with it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refusal(Arc<OnceLock<AuthError>>);

impl Refusal {
    fn set(&self, error: &AuthError) {
        // The first one is what the client has to mend first.
        self.0.set(error.clone()).ok();
    }

    pub(crate) fn get(&self) -> Option<&AuthError> {
        self.0.get()
    }
}

impl<S, R: Clone> Layer<S> for RequireScopes<R> {
    type Service = RequireScopesService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let required = self.clone();
        RequireScopesService { inner, required }
    }
}

/// The service of [`RequireScopes`].
#[derive(Debug, Clone)]
pub struct RequireScopesService<S, R = ProblemJson> {
    inner: S,
    required: RequireScopes<R>,
}

impl<S, A, B, R> Service<Request<A>> for RequireScopesService<S, R>
where
    S: Service<Request<A>, Response = Response<B>>,
    R: ResponseForAuthError<B>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        match self.required.check(&request) {
            Ok(()) => ResponseFuture::inner(self.inner.call(request)),
            Err(error) => {
                let rejection = &self.required.rejection;
                ResponseFuture::answered(reject(rejection, request.headers(), error))
            }
        }
    }
}
