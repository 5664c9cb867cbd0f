//! Chooses how a token is verified, and admits verified tokens.
//!
//! Implements steps 2 to 5 of [how a request is handled](crate#how-a-request-is-handled).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::admin::AdminClient;
use crate::cache::{CacheKey, Domain, Invalidations, KeyHasher, Lookup};
use crate::clock::Clock;
use crate::credential::Secrets;
use crate::error::{AuthError, Reason};
use crate::fleet::Replica;
use crate::identity::{AuthenticatorId, MachineAuth, ScopeGrants, TokenFormat, UnixMillis};
use crate::jwt::{Candidate, JwtVerdict, JwtVerifier};
use crate::keys::KeyStore;
use crate::opaque::OpaqueVerifier;
use crate::receiver::Receiver;
use crate::revocation::Revocations;
use crate::stats::{Counters, Outcome, Source, TokenLabel};
use crate::tasks::{Tasks, Wait};
use crate::token::{
    BearerToken, Format, RawToken, TokenType, TokenTypes, classify, is_other_token,
};
use crate::upstream::UpstreamGuard;

/// The state that all clones of an authenticator share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) id: AuthenticatorId,
    pub(crate) accepted: Accepted,
    pub(crate) max_token_len: usize,
    /// The secrets of this service, which are never accepted as tokens.
    pub(crate) own: Secrets,
    pub(crate) hasher: Arc<KeyHasher>,
    pub(crate) invalidations: Arc<Invalidations>,
    /// `None` if no JWT is accepted.
    pub(crate) jwt: Option<Arc<JwtVerifier>>,
    pub(crate) opaque: Arc<OpaqueVerifier>,
    pub(crate) receiver: Arc<Receiver>,
    pub(crate) issuer: Option<Box<str>>,
    pub(crate) skew: UnixMillis,
    pub(crate) grants: ScopeGrants,
    pub(crate) revocations: Arc<Revocations>,
    pub(crate) upstream: Arc<UpstreamGuard>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) admin: Option<AdminClient>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) fleet: Option<Arc<Replica>>,
    /// Dropped with the last clone, which ends all background tasks.
    pub(crate) tasks: Arc<Tasks>,
}

/// The cache key of a token.
#[derive(Debug, Clone, Copy)]
struct CacheLookup {
    /// The type that the prefix of the token indicates; `None` for a JWT.
    type_hint: Option<TokenType>,
    /// The key in the cache of that type.
    key: CacheKey,
    now: Duration,
}

impl CacheLookup {
    const fn hit(&self) -> Source {
        match self.type_hint {
            Some(_) => Source::Hit,
            None => Source::JwtHit,
        }
    }
}

/// What is decided on a token, and what is known of it besides.
pub(crate) struct Authentication {
    pub(crate) verdict: Lookup<MachineAuth>,
    /// Its key in the caches, which takes a hash to make.
    pub(crate) key: CacheKey,
    pub(crate) seen: Seen,
}

/// What a request is counted as while nothing of its token is proven.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) token: TokenLabel,
    pub(crate) source: Source,
}

impl Seen {
    pub(crate) const NO_TOKEN: Self = Self {
        token: TokenLabel::None,
        source: Source::None,
    };

    /// Returns what the request is counted as now that its token is verified.
    pub(crate) fn verified(self, auth: &MachineAuth) -> Self {
        let source = if auth.is_stale() {
            Source::Stale
        } else {
            self.source
        };
        Self {
            token: TokenLabel::from(Some(auth.token_type())),
            source,
        }
    }
}

/// The accepted types by token format.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepted {
    pub(crate) jwt: TokenTypes,
    pub(crate) opaque: TokenTypes,
}

impl Accepted {
    /// Accepts these types in every format.
    pub(crate) const fn in_every_format(types: TokenTypes) -> Self {
        Self {
            jwt: types,
            opaque: types,
        }
    }

    const fn and(self, other: Self) -> Self {
        Self {
            jwt: self.jwt.and(other.jwt),
            opaque: self.opaque.and(other.opaque),
        }
    }

    const fn contains(self, format: TokenFormat, token_type: TokenType) -> bool {
        match format {
            TokenFormat::Jwt => self.jwt.contains(token_type),
            TokenFormat::Opaque => self.opaque.contains(token_type),
        }
    }
}

impl Core {
    /// Computes the cache key of a token, choosing the cache by the prefix alone.
    fn cache_lookup(&self, token: RawToken<'_>) -> CacheLookup {
        let type_hint = token.type_hint();
        let domain = type_hint.map_or(Domain::Jwt, domain);
        CacheLookup {
            type_hint,
            key: self.hasher.key(domain, token.as_bytes()),
            now: self.clock.monotonic(),
        }
    }

    pub(super) fn keys(&self) -> Option<&KeyStore> {
        self.jwt.as_ref().map(|jwt| &jwt.keys)
    }

    /// Returns the cache key of a token.
    pub(crate) fn cache_key(&self, token: RawToken<'_>) -> CacheKey {
        self.cache_lookup(token).key
    }

    /// Returns `true` if a token neither is nor resembles a machine token, and is not a secret of this
    /// service.
    pub(crate) fn is_other_token(&self, token: RawToken<'_>) -> bool {
        let is_other =
            |token: BearerToken<'_>| is_other_token(token) && !self.own.contains(token.as_bytes());
        token.parse().is_ok_and(is_other)
    }

    /// Authenticates a token, immediately if nothing has to be fetched.
    pub(crate) fn authenticate(
        self: &Arc<Self>,
        token: RawToken<'_>,
        accept: Accepted,
    ) -> Authentication {
        let (lookup, accept) = (self.cache_lookup(token), accept.and(self.accepted));
        let (verdict, source) = match self.cached(&lookup, accept) {
            Some(admitted) => (admitted, lookup.hit()),
            None => self.verify(token, &lookup, accept),
        };
        let token = TokenLabel::from(lookup.type_hint);
        Authentication {
            verdict,
            key: lookup.key,
            seen: Seen { token, source },
        }
    }

    /// Counts a token that was not verified for a layer.
    pub(crate) fn count(&self, verdict: Result<&MachineAuth, &AuthError>, seen: Seen) {
        match verdict {
            Ok(auth) => {
                let Seen { token, source } = seen.verified(auth);
                self.counters.request(Outcome::Allowed, token, source);
            }
            Err(error) => {
                let outcome = Outcome::from(error.kind());
                self.counters.request(outcome, seen.token, seen.source);
                self.counters.rejection(error.cause());
            }
        }
    }

    /// Checks again, without any call, what may have changed since this authenticator admitted an
    /// identity, and the types and formats that are accepted here.
    pub(crate) fn check_again(&self, auth: &MachineAuth, accept: Accepted) -> Result<(), Reason> {
        if !accept.contains(auth.format(), auth.token_type()) {
            return Err(Reason::TypeNotAccepted);
        }
        self.check_now(auth)
    }

    fn verify(
        self: &Arc<Self>,
        token: RawToken<'_>,
        lookup: &CacheLookup,
        accept: Accepted,
    ) -> (Lookup<MachineAuth>, Source) {
        let refused = |reason| (reject(reason), Source::None);
        self.join_fleet();
        let Ok(token) = token.parse() else {
            return refused(Reason::Malformed);
        };
        match classify(token) {
            None => refused(Reason::UnknownClass),
            Some(Format::Jwt) => match self.jwt.as_ref().filter(|_| !accept.jwt.is_empty()) {
                Some(verifier) => {
                    let verdict = self.verify_jwt(verifier, token, lookup, accept.jwt);
                    (verdict, Source::Miss)
                }
                None => refused(Reason::TypeNotAccepted),
            },
            Some(Format::Opaque(_)) if self.own.contains(token.as_bytes()) => {
                refused(Reason::OwnSecret)
            }
            Some(Format::Opaque(token_type)) if accept.opaque.contains(token_type) => {
                self.verify_opaque(token_type, token, lookup)
            }
            Some(Format::Opaque(_)) => refused(Reason::TypeNotAccepted),
        }
    }

    /// Authenticates a token whose verdict is cached, or returns `None`.
    ///
    /// # Security
    ///
    /// The characters of the token have not been validated, and need not be. A key is in the cache only
    /// for a token that was parsed, classified and verified, and that is not a secret of this service.
    /// No other token has the same key.
    fn cached(
        self: &Arc<Self>,
        lookup: &CacheLookup,
        accept: Accepted,
    ) -> Option<Lookup<MachineAuth>> {
        let CacheLookup { key, now, .. } = lookup;
        match lookup.type_hint {
            Some(token_type) if accept.opaque.contains(token_type) => {
                let auth = self.opaque.cached(key, *now)?;
                Some(Lookup::Ready(self.admit_opaque(auth)))
            }
            Some(_) => None,
            None => {
                let verdict = self.jwt.as_ref()?.cached(key, *now)?;
                Some(self.admit_jwt(verdict, accept.jwt, *now, None))
            }
        }
    }

    fn verify_jwt(
        self: &Arc<Self>,
        verifier: &Arc<JwtVerifier>,
        token: BearerToken<'_>,
        lookup: &CacheLookup,
        accept: TokenTypes,
    ) -> Lookup<MachineAuth> {
        let candidate = Candidate {
            token: token.as_str(),
            key: self.jwt_key(token, lookup),
            accept,
        };
        let deadline = self.tasks.deadline();
        match verifier.verify(candidate, lookup.now, deadline) {
            Lookup::Ready(Ok(verdict)) => self.admit_jwt(verdict, accept, lookup.now, None),
            Lookup::Ready(Err(error)) => Lookup::Ready(Err(error)),
            Lookup::Pending(verdict) => {
                let core = Arc::clone(self);
                Lookup::Pending(Box::pin(async move {
                    let (verdict, now) = (verdict.await?, core.clock.monotonic());
                    let admitted = core.admit_jwt(verdict, accept, now, Some(deadline));
                    admitted.into_result().await
                }))
            }
        }
    }

    /// Returns the key of a JWT. One that starts with the prefix of an opaque token was given a key of
    /// that type.
    fn jwt_key(&self, token: BearerToken<'_>, lookup: &CacheLookup) -> CacheKey {
        match lookup.type_hint {
            None => lookup.key,
            Some(_) => self.hasher.key(Domain::Jwt, token.as_bytes()),
        }
    }

    fn verify_opaque(
        self: &Arc<Self>,
        token_type: TokenType,
        token: BearerToken<'_>,
        lookup: &CacheLookup,
    ) -> (Lookup<MachineAuth>, Source) {
        let (core, CacheLookup { key, now, .. }) = (Arc::clone(self), *lookup);
        let wait = self.wait(None);
        let (verdict, source) = self.opaque.verify(token_type, token, key, now, wait);
        (
            verdict.and_then(move |auth| core.admit_opaque(auth)),
            source,
        )
    }

    fn admit_opaque(&self, auth: MachineAuth) -> Result<MachineAuth, AuthError> {
        self.check_now(&auth)?;
        if let MachineAuth::M2m(token) = &auth {
            self.receiver.check_opaque(token)?;
        }
        Ok(self.with_granted_scopes(auth))
    }

    fn admit_jwt(
        self: &Arc<Self>,
        verdict: JwtVerdict,
        accept: TokenTypes,
        now: Duration,
        deadline: Option<Instant>,
    ) -> Lookup<MachineAuth> {
        let JwtVerdict { auth, sender, .. } = verdict;
        if !accept.contains(auth.token_type()) {
            return reject(Reason::TypeNotAccepted);
        }
        if let Err(reason) = self.check_now(&auth) {
            return reject(reason);
        }
        let MachineAuth::M2m(token) = &auth else {
            return Lookup::Ready(Ok(auth));
        };
        match self
            .receiver
            .check_jwt(token, sender, now, self.wait(deadline))
        {
            Lookup::Ready(answer) => Lookup::Ready(answer.map(|_| self.with_granted_scopes(auth))),
            Lookup::Pending(answer) => {
                let core = Arc::clone(self);
                let mut auth = auth;
                Lookup::Pending(Box::pin(async move {
                    if answer.await?.is_stale {
                        auth.mark_stale();
                    }
                    // The token may have been revoked locally, or have expired, during the call.
                    core.check_now(&auth)?;
                    Ok(core.with_granted_scopes(auth))
                }))
            }
        }
    }

    /// Checks what may have changed since the token was verified.
    ///
    /// The expiry of a JWT is set by the issuer's clock and compared with ours. The expiry of an opaque
    /// token is set and checked by Clerk.
    fn check_now(&self, auth: &MachineAuth) -> Result<(), Reason> {
        let now = || UnixMillis::from_duration(self.clock.unix_time());
        let leeway = match auth.format() {
            TokenFormat::Jwt => self.skew,
            TokenFormat::Opaque => UnixMillis(0),
        };
        let is_over = |end: UnixMillis| end.plus(leeway) <= now();
        if auth.expiry().is_some_and(is_over) {
            return Err(Reason::Expired);
        }
        if self.revocations.refuse(auth) {
            return Err(Reason::Revoked);
        }
        Ok(())
    }

    /// Begins to take part in the fleet, if there is one and that has not begun.
    pub(super) fn join_fleet(&self) {
        if let Some(fleet) = &self.fleet {
            fleet.start(&self.tasks);
        }
    }

    /// Adds the scopes that this service grants to the sender. This is the last step of every
    /// admission.
    pub(super) fn with_granted_scopes(&self, mut auth: MachineAuth) -> MachineAuth {
        if let MachineAuth::M2m(token) = &mut auth {
            token.grant(&self.grants);
        }
        auth
    }

    /// Returns how a request may wait, with its deadline if it already has one.
    fn wait(&self, deadline: Option<Instant>) -> Wait<'_> {
        Wait {
            tasks: &self.tasks,
            deadline,
        }
    }
}

fn reject<V>(reason: Reason) -> Lookup<V> {
    Lookup::Ready(Err(AuthError::from(reason)))
}

const fn domain(token_type: TokenType) -> Domain {
    match token_type {
        TokenType::M2m => Domain::M2m,
        TokenType::ApiKey => Domain::ApiKey,
        TokenType::OAuth => Domain::OAuth,
    }
}
