//! A layer for routes that require scopes.

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

/// Layer that requires scopes, on routes inside a [`ClerkMachineAuth`](super::ClerkMachineAuth)
/// layer.
///
/// Scopes are compared exactly. If one is missing, the response is 403 with the list. A request
/// without a token, admitted by [`optional`](super::ClerkMachineAuth::optional), gets 401.
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
/// An empty list would accept every token, so it does not compile:
///
/// ```compile_fail
/// let none: [&str; 0] = [];
/// clerk_machine_auth::RequireScopes::all(none);
/// ```
///
/// # Security
///
/// M2M tokens only have the scopes that this service grants to the sending machine with
/// [`AuthenticatorBuilder::grant_scopes`](crate::AuthenticatorBuilder::grant_scopes). The scopes in
/// the token are claims that its sender chose. See [`MachineAuth::has_scope`].
///
/// With an invalid scope (RFC 6749 §3.3) in the list, every request gets 500.
#[derive(Debug, Clone)]
#[must_use]
pub struct RequireScopes<R = ProblemJson> {
    policy: Result<ScopePolicy, ScopeListError>,
    rejection: R,
}

impl RequireScopes {
    /// Requires all of these scopes.
    pub fn all<S: AsRef<str>, const N: usize>(scopes: [S; N]) -> Self {
        const { assert!(N > 0, "the list of required scopes is empty") };
        Self::of(ScopePolicy::all(scopes))
    }

    /// Requires any one of these scopes.
    pub fn any<S: AsRef<str>, const N: usize>(scopes: [S; N]) -> Self {
        const { assert!(N > 0, "the list of required scopes is empty") };
        Self::of(ScopePolicy::any(scopes))
    }

    /// Requires all scopes of a list that is only known at run time.
    ///
    /// # Errors
    ///
    /// Fails if the list is empty or contains an invalid scope.
    pub fn try_all<S: AsRef<str>>(
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<Self, ScopeListError> {
        ScopePolicy::all(scopes).map(|policy| Self::of(Ok(policy)))
    }

    /// Requires any one scope of a list that is only known at run time.
    ///
    /// # Errors
    ///
    /// Fails if the list is empty or contains an invalid scope.
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
    /// Customizes the responses to rejected requests; see
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

/// Requires all of these scopes within a handler, such as a tool of an MCP server.
///
/// The handler must be inside a [`ClerkMachineAuth`](super::ClerkMachineAuth) layer.
///
/// Use it if the required scopes depend on the contents of the request. A missing scope is an error
/// of the kind [`InsufficientScope`](crate::AuthErrorKind::InsufficientScope), whose
/// [`challenge`](AuthError::challenge) lists the scopes, and the metadata of the
/// [`ProtectedResource`](crate::ProtectedResource) if there is one. Inside a
/// [`McpScopes`](crate::McpScopes) layer, the client gets this rejection.
///
/// # Errors
///
/// Fails like [`RequireScopes`]: if a scope is missing, if the request has no token, if the list is
/// empty or contains an invalid scope, and outside of the layer.
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

/// Checks the scopes of the identity that a layer inserted. No policy is a misconfiguration.
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

/// Returns `true` if the sender has the scope, or one that implies it according to the layer.
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

/// The error of [`require_scopes`], kept for the layer that responds with it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refusal(Arc<OnceLock<AuthError>>);

impl Refusal {
    fn set(&self, error: &AuthError) {
        // The first error is the one that the client has to fix first.
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

/// Service of the [`RequireScopes`] layer.
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
