//! The settings of the layer, and how they apply to a request.

use std::sync::Arc;

use http::header::HeaderName;
use http::{Method, Request, Response, header};
use tower_service::Service;

use super::extensions::{Forwarded, Outer, insert_identity, take_outer};
use super::recorder::{Observers, Recorder};
use super::response::{ResponseForAuthError, ResponseFuture, misplaced, reject};
use super::scopes::has_scope;
use crate::authenticator::{Accepted, Authenticator, Seen};
use crate::cache::Lookup;
use crate::error::{AuthError, AuthErrorKind, Protection, Reason};
use crate::identity::MachineAuth;
use crate::jwt::Audience;
use crate::scope::{ScopeListError, ScopePolicy};
use crate::token::{RawToken, TokenSource, TokenTypes};

/// The settings of a layer, shared by its services.
#[derive(Debug, Clone)]
pub(super) struct Config<R> {
    pub(super) authenticator: Authenticator,
    pub(super) source: TokenSource,
    pub(super) accept: TokenTypes,
    pub(super) revocable_only: bool,
    pub(super) scopes: Option<Result<ScopePolicy, ScopeListError>>,
    pub(super) optional: bool,
    pub(super) pass_other_tokens: bool,
    pub(super) forward_token: bool,
    pub(super) allow_cors_preflight: bool,
    /// The resources that an OAuth token must be issued for. The default is none.
    pub(super) audience: Audience,
    pub(super) protection: Option<Arc<Protection>>,
    /// The paths of the resource's metadata, which are served without a token.
    pub(super) metadata_paths: Box<[Box<str>]>,
    /// Who is told of decisions; nobody by default.
    pub(super) observers: Option<Arc<Observers>>,
    pub(super) rejection: R,
}

impl<R> Config<R> {
    /// Returns the accepted types by format: JWTs cannot be revoked.
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

    /// Returns the misconfiguration because of which this layer can accept no request, if there is one.
    fn mistake(&self) -> Option<Reason> {
        if self.accept.is_empty() {
            return Some(Reason::NothingAccepted);
        }
        matches!(self.scopes, Some(Err(_))).then_some(Reason::BadScopeList)
    }
}

/// The decision on a request that its header fields lead to.
pub(super) enum Verdict {
    Anonymous,
    /// A bearer token that is not a machine token, left for another layer.
    OtherToken,
    Lookup(Lookup<MachineAuth>),
}

/// What is decided on a request, and what counts it, unless an outer layer does.
pub(super) struct Authenticated {
    pub(super) verdict: Result<Verdict, AuthError>,
    pub(super) recorder: Option<Recorder>,
}

impl<R> Config<R> {
    /// Decides on a request, and removes its token unless it is to be forwarded.
    pub(super) fn authenticate<A>(&self, request: &mut Request<A>) -> Authenticated {
        let ours = self.authenticator.core.id;
        let outer = take_outer(request.extensions_mut(), ours);
        // An outer layer of the same authenticator counts the request.
        let is_counted = matches!(outer, Outer::Anonymous | Outer::Identity(..));
        let (core, observers) = (&self.authenticator.core, self.observers.as_ref());
        let mut recorder = (!is_counted).then(|| Recorder::new(core, observers));
        let mut seen = Seen::NO_TOKEN;
        let verdict = self.decide(request, outer, &mut seen);
        if let Some(recorder) = &mut recorder {
            recorder.seen(seen);
        }
        Authenticated { verdict, recorder }
    }

    fn decide<A>(
        &self,
        request: &mut Request<A>,
        outer: Outer,
        seen: &mut Seen,
    ) -> Result<Verdict, AuthError> {
        if let Some(mistake) = self.mistake() {
            return Err(misplaced(request.method(), request.uri(), mistake));
        }
        match outer {
            Outer::Nothing | Outer::Anonymous => self.authenticate_token(request, seen),
            Outer::Identity(auth, forwarded) => {
                let verdict = self.recheck(request, &auth, forwarded).map(|()| auth);
                Ok(Verdict::Lookup(Lookup::Ready(verdict)))
            }
            Outer::Foreign => {
                let mistake = Reason::ForeignLayer;
                Err(misplaced(request.method(), request.uri(), mistake))
            }
        }
    }

    /// Checks an identity from an outer layer against the rules of this one. Nothing is verified again.
    fn recheck<A>(
        &self,
        request: &mut Request<A>,
        auth: &MachineAuth,
        forwarded: Option<Forwarded>,
    ) -> Result<(), AuthError> {
        let found = self.source.find(request.headers());
        if let Some((token, field)) = found.map_err(|_| Reason::Malformed)? {
            // Only the outer layer's own token may still be there. It is compared by its cache key, a
            // keyed hash.
            if forwarded != Some(Forwarded(self.authenticator.core.cache_key(token))) {
                return Err(Reason::SecondToken.into());
            }
            self.strip_token(request, &field, forwarded);
        }
        Ok(self.authenticator.core.check_again(auth, self.accepted())?)
    }

    fn authenticate_token<A>(
        &self,
        request: &mut Request<A>,
        seen: &mut Seen,
    ) -> Result<Verdict, AuthError> {
        if self.allow_cors_preflight && is_cors_preflight(request) {
            return Ok(Verdict::Anonymous);
        }
        if is_metadata_request(request, &self.metadata_paths) {
            request.headers_mut().remove(header::AUTHORIZATION);
            return Ok(Verdict::Anonymous);
        }
        let found = self.source.find(request.headers());
        let Some((token, field)) = found.map_err(|_| Reason::Malformed)? else {
            return if self.optional {
                Ok(Verdict::Anonymous)
            } else {
                Err(Reason::NoToken.into())
            };
        };
        let answer = self.authenticator.core.authenticate(token, self.accepted());
        if self.pass_other_tokens
            && field == header::AUTHORIZATION
            && self.is_other(token, &answer.verdict)
        {
            return Ok(Verdict::OtherToken);
        }
        *seen = answer.seen;
        let forwarded = self.forward_token.then_some(Forwarded(answer.key));
        self.strip_token(request, &field, forwarded);
        Ok(Verdict::Lookup(answer.verdict))
    }

    /// Returns `true` for a token that was rejected at once and does not resemble a machine token.
    fn is_other(&self, token: RawToken<'_>, lookup: &Lookup<MachineAuth>) -> bool {
        let Lookup::Ready(Err(error)) = lookup else {
            return false;
        };
        error.kind() == AuthErrorKind::InvalidToken && self.authenticator.core.is_other_token(token)
    }

    /// Removes the token, or leaves it together with its cache key, by which an inner layer recognizes
    /// it.
    fn strip_token<A>(
        &self,
        request: &mut Request<A>,
        field: &HeaderName,
        forwarded: Option<Forwarded>,
    ) {
        match forwarded {
            Some(name) if self.forward_token => {
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
        let Some(policy) = &self.scopes else {
            return Ok(());
        };
        let policy = policy.as_ref().map_err(|_| Reason::BadScopeList)?;
        if policy.allows(|scope| has_scope(protection, auth, scope)) {
            Ok(())
        } else {
            Err(AuthError::missing_scope(policy.clone()))
        }
    }

    /// Checks the audience. The verdict may come from an outer layer with another audience, or from the
    /// cache.
    fn check_audience(&self, auth: &MachineAuth) -> Result<(), Reason> {
        match auth {
            MachineAuth::OAuth(token) => self.audience.check(Some(token.audience())),
            MachineAuth::M2m(_) | MachineAuth::ApiKey(_) => Ok(()),
        }
    }

    fn check<A>(&self, request: &Request<A>, auth: &MachineAuth) -> Result<(), AuthError> {
        self.check_audience(auth)?;
        self.check_scopes(auth, self.protection(request))
    }

    /// Returns the protection space of the request, from this layer or an outer one.
    fn protection<'a, A>(&'a self, request: &'a Request<A>) -> Option<&'a Arc<Protection>> {
        let own = self.protection.as_ref();
        own.or_else(|| request.extensions().get::<Arc<Protection>>())
    }

    /// Inserts the protection space for scope checks further inside.
    pub(super) fn insert_protection<A>(&self, request: &mut Request<A>) {
        if let Some(protection) = &self.protection {
            request.extensions_mut().insert(Arc::clone(protection));
        }
    }

    pub(super) fn reject<A, B>(&self, request: &Request<A>, error: AuthError) -> Response<B>
    where
        R: ResponseForAuthError<B>,
    {
        let asked = self.scopes.as_ref().and_then(|list| list.as_ref().ok());
        let error = error.under(self.protection(request), asked);
        reject(&self.rejection, request.headers(), error)
    }

    /// Forwards an authenticated request to the service that is ready for it, or rejects it.
    pub(super) fn respond<S, A, B>(
        &self,
        verdict: Result<MachineAuth, AuthError>,
        mut request: Request<A>,
        inner: &mut S,
        recorder: Option<&mut Recorder>,
    ) -> ResponseFuture<S::Future, B>
    where
        S: Service<Request<A>, Response = Response<B>>,
        R: ResponseForAuthError<B>,
    {
        if let Some(recorder) = recorder {
            recorder.decided(verdict.as_ref().ok());
        }
        let checked = |auth| self.check(&request, &auth).map(|()| auth);
        match verdict.and_then(checked) {
            Ok(auth) => {
                insert_identity(request.extensions_mut(), auth, self.authenticator.core.id);
                self.insert_protection(&mut request);
                ResponseFuture::inner(inner.call(request))
            }
            Err(error) => ResponseFuture::answered(self.reject(&request, error)),
        }
    }
}

/// Returns `true` for a preflight as browsers send it (Fetch §3.2.2). It never carries credentials.
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
