//! The service that stands in front of another one and lets requests in.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::HeaderName;
use http::{Method, Request, Response, header};
use tower_service::Service;

use super::future::{Decided, ResponseFuture, Waiting};
use super::outer::{Forwarded, Outer, admit, take_outer};
use super::rejection::{ResponseForAuthError, misplaced, reject};
use super::scopes::has_scope;
use crate::authenticator::{Accepted, Authenticator};
use crate::cache::Lookup;
use crate::error::{AuthError, Protection, Reason};
use crate::identity::{Anonymous, MachineAuth};
use crate::jwt::Audience;
use crate::scope::{ScopeListError, ScopePolicy};
use crate::token::{TokenSource, TokenTypes};

/// What a layer was told to do.
#[derive(Debug, Clone)]
pub(super) struct Config<R> {
    pub(super) authenticator: Authenticator,
    pub(super) source: TokenSource,
    pub(super) accept: TokenTypes,
    pub(super) revocable_only: bool,
    pub(super) scopes: Option<Result<ScopePolicy, ScopeListError>>,
    pub(super) optional: bool,
    pub(super) forward_token: bool,
    pub(super) allow_cors_preflight: bool,
    /// The resources that an OAuth token has to be issued for; none are asked for by default.
    pub(super) audience: Audience,
    pub(super) protection: Option<Arc<Protection>>,
    /// Where the metadata of the resource is, which answers without a token.
    pub(super) metadata_paths: Box<[Box<str>]>,
    pub(super) rejection: R,
}

impl<R> Config<R> {
    /// The accepted types by format: nobody can revoke a JWT.
    fn accepted(&self) -> Accepted {
        let accepted = Accepted::in_every_format(self.accept);
        if self.revocable_only {
            return Accepted {
                jwt: TokenTypes::NONE,
                ..accepted
            };
        }
        accepted
    }

    /// Returns what makes it impossible that this layer lets anybody in.
    fn mistake(&self) -> Option<Reason> {
        if self.accept.is_empty() {
            return Some(Reason::NothingAccepted);
        }
        matches!(self.scopes, Some(Err(_))).then_some(Reason::BadScopeList)
    }
}

/// The decision of a layer, shared by its services.
#[derive(Debug)]
pub(super) struct Gate<R>(pub(super) Arc<Config<R>>);

/// The service of [`ClerkMachineAuth`](super::ClerkMachineAuth).
#[derive(Debug)]
pub struct ClerkMachineAuthService<S, R> {
    inner: S,
    gate: Gate<R>,
}

impl<R> Clone for Gate<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Clone, R> Clone for ClerkMachineAuthService<S, R> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.gate.clone())
    }
}

/// What the header fields of a request lead to.
enum Verdict {
    Anonymous,
    Lookup(Lookup<MachineAuth>),
}

impl<R> Gate<R> {
    /// Looks at a request, and takes its token off unless it is to be forwarded.
    fn look<A>(&self, request: &mut Request<A>) -> Result<Verdict, AuthError> {
        if let Some(mistake) = self.0.mistake() {
            return Err(misplaced(request.method(), request.uri(), mistake));
        }
        let ours = self.0.authenticator.id();
        match take_outer(request.extensions_mut(), ours) {
            Outer::Nothing => self.look_at_token(request),
            Outer::Identity(auth, forwarded) => {
                let verdict = self.narrow(request, &auth, forwarded).map(|()| auth);
                Ok(Verdict::Lookup(Lookup::Ready(verdict)))
            }
            Outer::Foreign => {
                let mistake = Reason::ForeignLayer;
                Err(misplaced(request.method(), request.uri(), mistake))
            }
        }
    }

    /// Holds what an outer layer let in against the rules of this one; nothing is verified again.
    fn narrow<A>(
        &self,
        request: &mut Request<A>,
        auth: &MachineAuth,
        forwarded: Option<Forwarded>,
    ) -> Result<(), AuthError> {
        let config = &*self.0;
        let found = config.source.find(request.headers());
        if let Some((token, field)) = found.map_err(|_| Reason::Malformed)? {
            // Only the outer layer's own token may still be there; the name is a keyed hash.
            if forwarded != Some(Forwarded(config.authenticator.cache_key(token))) {
                return Err(Reason::SecondToken.into());
            }
            self.take_off(request, &field, forwarded);
        }
        Ok(config.authenticator.check_again(auth, config.accepted())?)
    }

    fn look_at_token<A>(&self, request: &mut Request<A>) -> Result<Verdict, AuthError> {
        let config = &*self.0;
        if config.allow_cors_preflight && is_cors_preflight(request) {
            return Ok(Verdict::Anonymous);
        }
        if is_metadata_request(request, &config.metadata_paths) {
            request.headers_mut().remove(header::AUTHORIZATION);
            return Ok(Verdict::Anonymous);
        }
        let found = config.source.find(request.headers());
        let Some((token, field)) = found.map_err(|_| Reason::Malformed)? else {
            return if config.optional {
                Ok(Verdict::Anonymous)
            } else {
                Err(Reason::NoToken.into())
            };
        };
        let (lookup, name) = config.authenticator.decide(token, config.accepted());
        let forwarded = config.forward_token.then_some(Forwarded(name));
        self.take_off(request, &field, forwarded);
        Ok(Verdict::Lookup(lookup))
    }

    /// Takes the token off, or leaves it with its name, by which a layer inside knows it again.
    fn take_off<A>(
        &self,
        request: &mut Request<A>,
        field: &HeaderName,
        forwarded: Option<Forwarded>,
    ) {
        match forwarded {
            Some(name) if self.0.forward_token => {
                request.extensions_mut().insert(name);
            }
            _ => {
                request.headers_mut().remove(field);
            }
        }
    }

    fn check_scopes(
        &self,
        auth: &MachineAuth,
        protection: Option<&Arc<Protection>>,
    ) -> Result<(), AuthError> {
        let Some(policy) = &self.0.scopes else {
            return Ok(());
        };
        let policy = policy.as_ref().map_err(|_| Reason::BadScopeList)?;
        if policy.allows(|scope| has_scope(protection, auth, scope)) {
            Ok(())
        } else {
            Err(AuthError::missing_scope(policy.clone()))
        }
    }

    /// An outer layer's verdict may be of another audience, and so may a cached one.
    fn check_audience(&self, auth: &MachineAuth) -> Result<(), Reason> {
        match auth {
            MachineAuth::OAuth(token) => self.0.audience.check(Some(token.audience())),
            MachineAuth::M2m(_) | MachineAuth::ApiKey(_) => Ok(()),
        }
    }

    fn check<A>(&self, request: &Request<A>, auth: &MachineAuth) -> Result<(), AuthError> {
        self.check_audience(auth)?;
        self.check_scopes(auth, self.protection(request))
    }

    /// Returns what is said of the space that the request is in, by this layer or one outside.
    fn protection<'a, A>(&'a self, request: &'a Request<A>) -> Option<&'a Arc<Protection>> {
        let own = self.0.protection.as_ref();
        own.or_else(|| request.extensions().get::<Arc<Protection>>())
    }

    /// Leaves word of the space for what asks for scopes further inside.
    fn mark<A>(&self, request: &mut Request<A>) {
        if let Some(protection) = &self.0.protection {
            request.extensions_mut().insert(Arc::clone(protection));
        }
    }

    fn reject<A, B>(&self, request: &Request<A>, error: AuthError) -> Response<B>
    where
        R: ResponseForAuthError<B>,
    {
        let asked = self.0.scopes.as_ref().and_then(|list| list.as_ref().ok());
        let error = error.under(self.protection(request), asked);
        reject(&self.0.rejection, error)
    }

    /// Lets a request in to the service that is ready for it, or rejects it.
    pub(super) fn settle<S, A, B>(
        &self,
        verdict: Result<MachineAuth, AuthError>,
        mut request: Request<A>,
        inner: &mut S,
    ) -> Decided<S::Future, B>
    where
        S: Service<Request<A>, Response = Response<B>>,
        R: ResponseForAuthError<B>,
    {
        let checked = |auth| self.check(&request, &auth).map(|()| auth);
        match verdict.and_then(checked) {
            Ok(auth) => {
                admit(request.extensions_mut(), auth, self.0.authenticator.id());
                self.mark(&mut request);
                Decided::inner(inner.call(request))
            }
            Err(error) => Decided::rejected(self.reject(&request, error)),
        }
    }
}

impl<S, R> ClerkMachineAuthService<S, R> {
    pub(super) const fn new(inner: S, gate: Gate<R>) -> Self {
        Self { inner, gate }
    }

    /// Returns the service behind this one.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns the service behind this one, to change it.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Gives the service behind this one back.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, A, B, R> Service<Request<A>> for ClerkMachineAuthService<S, R>
where
    S: Service<Request<A>, Response = Response<B>> + Clone,
    R: ResponseForAuthError<B>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ResponseFuture<S, A, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        match self.gate.look(&mut request) {
            Ok(Verdict::Lookup(Lookup::Ready(verdict))) => {
                let decided = self.gate.settle(verdict, request, &mut self.inner);
                ResponseFuture::decided(decided)
            }
            Ok(Verdict::Lookup(Lookup::Pending(verdict))) => {
                // The service that said it was ready goes with the request; its clone did not.
                let clone = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, clone);
                let gate = self.gate.clone();
                ResponseFuture::waiting(Waiting {
                    verdict,
                    request,
                    inner,
                    gate,
                })
            }
            Ok(Verdict::Anonymous) => {
                request.extensions_mut().insert(Anonymous);
                self.gate.mark(&mut request);
                ResponseFuture::decided(Decided::inner(self.inner.call(request)))
            }
            Err(error) => {
                let response = self.gate.reject(&request, error);
                ResponseFuture::decided(Decided::rejected(response))
            }
        }
    }
}

/// A preflight as browsers send it (Fetch §3.2.2); it never carries credentials.
fn is_cors_preflight<A>(request: &Request<A>) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn is_metadata_request<A>(request: &Request<A>, paths: &[Box<str>]) -> bool {
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS];
    paths.iter().any(|path| **path == *request.uri().path()) && reads.contains(request.method())
}
