//! The way of a JWT: memory, else the signature; keys are fetched where need be; then the receiver.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::cached::CacheLookup;
use super::core::{Core, reject};
use crate::cache::{CacheKey, CacheValue, Domain, Lookup};
use crate::error::{AuthError, Reason};
use crate::identity::{MachineAuth, UnixMillis};
use crate::jwt::UnverifiedJwt;
use crate::keys::{Generation, KeySnapshot, KeyStore, Refetch};
use crate::single_flight::Flight;
use crate::tasks::TaskError;
use crate::token::{BearerToken, TokenTypes};

/// A JWT whose signature and claims were right under one generation of keys.
#[derive(Debug, Clone)]
pub(crate) struct JwtVerdict {
    auth: MachineAuth,
    pub(super) generation: Generation,
    /// The sender's name in the registry, made once.
    sender: CacheKey,
}

impl CacheValue for JwtVerdict {
    fn tags(&self) -> [&str; 2] {
        self.auth.tags()
    }

    fn heap_size(&self) -> usize {
        MachineAuth::heap_size(&self.auth)
    }
}

/// A JWT to decide on.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    token: &'a str,
    key: CacheKey,
    accept: TokenTypes,
}

/// Why a JWT could not be decided on with the keys at hand.
enum VerifyError {
    /// It is bad, whatever the keys.
    Invalid(Reason),
    /// There are no keys, or the token does not fit them and might fit newer ones.
    KeyMismatch(Reason),
}

impl Core {
    pub(super) fn jwt(
        self: &Arc<Self>,
        token: BearerToken<'_>,
        lookup: &CacheLookup,
        accept: TokenTypes,
    ) -> Lookup<MachineAuth> {
        let Some(store) = self.keys.as_ref().filter(|_| !accept.is_empty()) else {
            return reject(Reason::TypeNotAccepted);
        };
        let key = self.jwt_key(token, lookup);
        let keys = store.current(lookup.now, &self.tasks);
        let candidate = Candidate {
            token: token.as_str(),
            key,
            accept,
        };
        self.jwt_under(candidate, store, keys.as_deref(), lookup.now)
    }

    /// Decides under these keys, or under newer ones where the token does not fit them.
    fn jwt_under(
        self: &Arc<Self>,
        candidate: Candidate<'_>,
        store: &KeyStore,
        keys: Option<&KeySnapshot>,
        now: Duration,
    ) -> Lookup<MachineAuth> {
        match self.verify(candidate, keys) {
            Ok(verdict) => self.admit_jwt(verdict, candidate.accept, now, None),
            Err(VerifyError::Invalid(reason)) => reject(reason),
            Err(VerifyError::KeyMismatch(reason)) => match store.refetch(keys, now, &self.tasks) {
                Ok(Refetch::Ready(newer)) => self.jwt_under(candidate, store, Some(&newer), now),
                Ok(Refetch::Pending(fetch)) => self.jwt_after(fetch, candidate),
                Ok(Refetch::Throttled) => Lookup::Ready(Err(store.key_mismatch(reason, now))),
                Err(error) => Lookup::Ready(Err(error)),
            },
        }
    }

    /// A JWT whose first letters promised something else was given that one's name.
    fn jwt_key(&self, token: BearerToken<'_>, lookup: &CacheLookup) -> CacheKey {
        if lookup.token_type.is_none() {
            lookup.key
        } else {
            self.hasher.key(Domain::Jwt, token.as_bytes())
        }
    }

    /// Verifies a JWT and remembers that it did.
    ///
    /// The class is held against the accepted types before any signature work or key fetch.
    fn verify(
        &self,
        candidate: Candidate<'_>,
        keys: Option<&KeySnapshot>,
    ) -> Result<JwtVerdict, VerifyError> {
        let (epoch, asked_at) = (self.jwts.epoch(), self.clock.monotonic());
        let jwt = UnverifiedJwt::parse(candidate.token).map_err(VerifyError::Invalid)?;
        if !candidate.accept.contains(jwt.token_type()) {
            return Err(VerifyError::Invalid(Reason::TypeNotAccepted));
        }
        jwt.check_token_type(&self.jwt_policy)
            .map_err(VerifyError::Invalid)?;
        let keys = keys.ok_or(VerifyError::KeyMismatch(Reason::NoKeys))?;
        let sender = self.hasher.key(Domain::Machine, jwt.subject().as_bytes());
        let signed = jwt.verify(&keys.set).map_err(VerifyError::KeyMismatch)?;
        let auth = signed
            .accept(&self.jwt_policy, self.clock.unix_time())
            .map_err(VerifyError::Invalid)?;
        let generation = keys.generation;
        let verdict = JwtVerdict {
            auth,
            generation,
            sender,
        };
        self.jwts
            .insert(candidate.key, epoch, asked_at, verdict.clone());
        Ok(verdict)
    }

    fn jwt_after(
        self: &Arc<Self>,
        fetch: Flight<()>,
        candidate: Candidate<'_>,
    ) -> Lookup<MachineAuth> {
        let Candidate { key, accept, .. } = candidate;
        let (core, token) = (Arc::clone(self), SecretString::from(candidate.token));
        let deadline = self.tasks.deadline();
        Lookup::Pending(Box::pin(async move {
            let token = token.expose_secret();
            let candidate = Candidate { token, key, accept };
            let verdict = core.verify_after(fetch, candidate, deadline).await?;
            let now = core.clock.monotonic();
            let lookup = core.admit_jwt(verdict, accept, now, Some(deadline));
            lookup.into_result().await
        }))
    }

    /// Waits for the keys and looks once more; a second time where the first fetch was under way
    /// already, and may have asked before the key was published.
    async fn verify_after(
        &self,
        fetch: Flight<()>,
        candidate: Candidate<'_>,
        deadline: Instant,
    ) -> Result<JwtVerdict, AuthError> {
        let store = self.keys.as_ref().ok_or(Reason::TypeNotAccepted)?;
        let current = || store.current(self.clock.monotonic(), &self.tasks);
        let joined_running_fetch = fetch.is_joined();
        let fetched = fetch.result(deadline).await;
        let keys = current();
        let verified = self.verify(candidate, keys.as_deref());
        if !matches!(verified, Err(VerifyError::KeyMismatch(_))) || !joined_running_fetch {
            return verified.map_err(|error| self.key_mismatch(store, error, fetched));
        }
        let fetched = match store.refetch(keys.as_deref(), self.clock.monotonic(), &self.tasks)? {
            Refetch::Pending(fetch) => fetch.result(deadline).await,
            Refetch::Ready(_) | Refetch::Throttled => Ok(()),
        };
        let verified = self.verify(candidate, current().as_deref());
        verified.map_err(|error| self.key_mismatch(store, error, fetched))
    }

    /// Tells a bad token from one that newer keys might fit, if they could be fetched.
    fn key_mismatch(
        &self,
        store: &KeyStore,
        error: VerifyError,
        fetched: Result<(), TaskError>,
    ) -> AuthError {
        match (error, fetched) {
            (VerifyError::Invalid(reason), _) => reason.into(),
            (VerifyError::KeyMismatch(_), Err(_)) => Reason::NoKeys.into(),
            (VerifyError::KeyMismatch(reason), Ok(())) => {
                store.key_mismatch(reason, self.clock.monotonic())
            }
        }
    }

    /// Decides on a JWT that has been verified, now or before.
    pub(super) fn admit_jwt(
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
        if let Err(reason) = self.check_jwt_now(&auth) {
            return reject(reason);
        }
        let MachineAuth::M2m(token) = &auth else {
            return Lookup::Ready(Ok(auth));
        };
        match self
            .receiver
            .check_jwt(token, sender, now, self.wait(deadline))
        {
            Lookup::Ready(answer) => Lookup::Ready(answer.map(|()| self.with_granted_scopes(auth))),
            Lookup::Pending(answer) => {
                let core = Arc::clone(self);
                Lookup::Pending(Box::pin(async move {
                    answer.await?;
                    // It may have been refused, or have expired, while Clerk was asked.
                    core.check_jwt_now(&auth)?;
                    Ok(core.with_granted_scopes(auth))
                }))
            }
        }
    }

    pub(super) fn check_jwt_now(&self, auth: &MachineAuth) -> Result<(), Reason> {
        self.check_now(auth, UnixMillis::from_duration(self.jwt_policy.skew))
    }
}
