//! A layer for routes that ask for scopes.

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::future::Decided;
use super::problem::ProblemJson;
use super::rejection::{ResponseForAuthError, misplaced, reject};
use crate::error::{AuthError, Reason};
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
        let mistake = |reason| misplaced(request.method(), request.uri(), reason);
        let Ok(policy) = &self.policy else {
            return Err(mistake(Reason::BadScopeList));
        };
        let extensions = request.extensions();
        match extensions.get::<MachineAuth>() {
            Some(auth) if policy.allows(|scope| auth.has_scope(scope)) => Ok(()),
            Some(_) => Err(AuthError::missing_scope(policy.clone())),
            None if extensions.get::<Anonymous>().is_some() => Err(Reason::NoToken.into()),
            None => Err(mistake(Reason::NoLayer)),
        }
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
    type Future = Decided<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        match self.required.check(&request) {
            Ok(()) => Decided::inner(self.inner.call(request)),
            Err(error) => Decided::rejected(reject(&self.required.rejection, error)),
        }
    }
}
