//! Verifies JWTs, from the cache or by signature. Fetches the keys if necessary.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::policy::JwtPolicy;
use super::unverified::UnverifiedJwt;
use crate::cache::{CacheKey, CacheValue, Domain, KeyHasher, Lookup, VerdictCache};
use crate::clock::Clock;
use crate::error::{AuthError, Reason};
use crate::identity::MachineAuth;
use crate::keys::{Generation, KeySnapshot, KeyStore, Refetch};
use crate::single_flight::Flight;
use crate::tasks::Tasks;
use crate::token::TokenTypes;

/// Verifies JWTs.
#[derive(Debug)]
pub(crate) struct JwtVerifier {
    pub(crate) keys: KeyStore,
    pub(crate) policy: JwtPolicy,
    pub(crate) cache: VerdictCache<JwtVerdict>,
    pub(crate) hasher: Arc<KeyHasher>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tasks: Arc<Tasks>,
}

/// A JWT whose signature and claims were valid under one generation of keys.
#[derive(Debug, Clone)]
pub(crate) struct JwtVerdict {
    pub(crate) auth: MachineAuth,
    /// The sender's key in the registry's cache, computed once.
    pub(crate) sender: CacheKey,
    generation: Generation,
}

impl CacheValue for JwtVerdict {
    fn tags(&self) -> [&str; 2] {
        self.auth.tags()
    }

    fn heap_size(&self) -> usize {
        MachineAuth::heap_size(&self.auth)
    }

    fn mark_stale(&mut self) {
        self.auth.mark_stale();
    }
}

/// A JWT to verify.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) token: &'a str,
    pub(crate) key: CacheKey,
    pub(crate) accept: TokenTypes,
}

/// Why a JWT was not accepted with a set of keys.
enum VerifyError {
    /// The token is invalid, regardless of the keys.
    Invalid(Reason),
    /// There are no keys, or the token does not match them and might match newer ones.
    KeyMismatch(Reason),
}

/// The outcome of an attempt with the current keys.
enum Attempt {
    Decided(Result<JwtVerdict, AuthError>),
    /// The token matches none of them, and newer ones are being fetched.
    Fetching(Flight<()>),
    /// The token matches none of them, and no others are fetched for it now.
    KeyMismatch(Reason),
}

impl JwtVerifier {
    /// Returns a cached verdict that was made with the current keys.
    pub(crate) fn cached(&self, key: &CacheKey, now: Duration) -> Option<JwtVerdict> {
        let generation = self.keys.generation(now, &self.tasks)?;
        let verdict = self.cache.get_fresh(key, now)?;
        (verdict.generation == generation).then_some(verdict)
    }

    /// Verifies a token, immediately if the keys are available and after fetching them otherwise.
    pub(crate) fn verify(
        self: &Arc<Self>,
        candidate: Candidate<'_>,
        now: Duration,
        deadline: Instant,
    ) -> Lookup<JwtVerdict> {
        let fetch = match self.attempt(candidate, now, true) {
            Attempt::Decided(verdict) => return Lookup::Ready(verdict),
            Attempt::KeyMismatch(reason) => {
                return Lookup::Ready(Err(self.keys.key_mismatch(reason, now)));
            }
            Attempt::Fetching(fetch) => fetch,
        };
        let (verifier, token) = (Arc::clone(self), SecretString::from(candidate.token));
        let Candidate { key, accept, .. } = candidate;
        Lookup::Pending(Box::pin(async move {
            let token = token.expose_secret();
            let candidate = Candidate { token, key, accept };
            verifier.verify_after(fetch, candidate, deadline).await
        }))
    }

    /// Waits for the keys and verifies the token. Repeats this once if the first fetch was already in
    /// flight, because that fetch may have started before the key was published.
    async fn verify_after(
        &self,
        mut fetch: Flight<()>,
        candidate: Candidate<'_>,
        deadline: Instant,
    ) -> Result<JwtVerdict, AuthError> {
        let mut may_refetch = fetch.is_joined();
        loop {
            let fetched = fetch.result(deadline).await;
            let now = self.clock.monotonic();
            match self.attempt(candidate, now, may_refetch) {
                Attempt::Decided(verdict) => return verdict,
                Attempt::Fetching(next) => (fetch, may_refetch) = (next, false),
                // Newer keys might match, but could not be fetched.
                Attempt::KeyMismatch(_) if fetched.is_err() => return Err(Reason::NoKeys.into()),
                Attempt::KeyMismatch(reason) => return Err(self.keys.key_mismatch(reason, now)),
            }
        }
    }

    /// Tries the current keys, and those that arrived meanwhile.
    fn attempt(&self, candidate: Candidate<'_>, now: Duration, may_refetch: bool) -> Attempt {
        let keys = self.keys.current(now, &self.tasks);
        let reason = match self.verify_with(candidate, keys.as_deref()) {
            Ok(verdict) => return Attempt::Decided(Ok(verdict)),
            Err(VerifyError::Invalid(reason)) => return Attempt::Decided(Err(reason.into())),
            Err(VerifyError::KeyMismatch(reason)) => reason,
        };
        if !may_refetch {
            return Attempt::KeyMismatch(reason);
        }
        match self.keys.refetch(keys.as_deref(), now, &self.tasks) {
            Ok(Refetch::Pending(fetch)) => Attempt::Fetching(fetch),
            Ok(Refetch::Throttled) => Attempt::KeyMismatch(reason),
            // They are newer than those that were tried, so the recursion ends.
            Ok(Refetch::Ready) => self.attempt(candidate, now, may_refetch),
            Err(error) => Attempt::Decided(Err(error)),
        }
    }

    /// Verifies a JWT with these keys, and caches the verdict.
    ///
    /// The token type is checked before any signature work or key fetch.
    fn verify_with(
        &self,
        candidate: Candidate<'_>,
        keys: Option<&KeySnapshot>,
    ) -> Result<JwtVerdict, VerifyError> {
        use VerifyError::{Invalid, KeyMismatch};
        let (epoch, asked_at) = (self.cache.epoch(), self.clock.monotonic());
        let jwt = UnverifiedJwt::parse(candidate.token).map_err(Invalid)?;
        if !candidate.accept.contains(jwt.token_type()) {
            return Err(Invalid(Reason::TypeNotAccepted));
        }
        jwt.check_token_type(&self.policy).map_err(Invalid)?;
        let keys = keys.ok_or(KeyMismatch(Reason::NoKeys))?;
        let subject = jwt.subject().as_bytes();
        let sender = self.hasher.key(Domain::Machine, subject);
        let signed = jwt.verify(&keys.set).map_err(KeyMismatch)?;
        let auth = signed.accept(&self.policy, self.clock.unix_time());
        let verdict = JwtVerdict {
            auth: auth.map_err(Invalid)?,
            sender,
            generation: keys.generation,
        };
        self.cache
            .insert(candidate.key, epoch, asked_at, verdict.clone());
        Ok(verdict)
    }
}
