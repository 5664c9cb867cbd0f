//! The way of a JWT: memory, else the signature; keys are fetched where need be; then the receiver.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::core::{Core, reject};
use super::recall::Glance;
use crate::cache::{CacheKey, Domain, Named, Told};
use crate::error::{AuthError, Reason};
use crate::flights::Waiter;
use crate::identity::{MachineAuth, UnixMillis};
use crate::jwt::UnverifiedJwt;
use crate::keys::{Generation, KeyStore, KeysInUse};
use crate::token::{BearerToken, TokenTypes};

/// A JWT whose signature and claims were right under one generation of keys.
#[derive(Debug, Clone)]
pub(crate) struct JwtVerdict {
    auth: MachineAuth,
    pub(super) generation: Generation,
    /// The sender's name in the registry, made once.
    sender: CacheKey,
}

impl Named for JwtVerdict {
    fn names(&self) -> [&str; 2] {
        self.auth.names()
    }
}

/// Why a JWT could not be decided on with the keys at hand.
enum Doubt {
    /// It is bad, whatever the keys.
    Bad(Reason),
    /// There are no keys, or the token does not fit them and might fit newer ones.
    Keys(Reason),
}

impl Doubt {
    const fn reason(self) -> Reason {
        match self {
            Self::Bad(reason) | Self::Keys(reason) => reason,
        }
    }
}

impl Core {
    pub(super) fn jwt(
        self: &Arc<Self>,
        token: BearerToken<'_>,
        glance: &Glance,
        accept: TokenTypes,
    ) -> Told<MachineAuth> {
        let Some(store) = self.keys.as_ref().filter(|_| !accept.is_empty()) else {
            return reject(Reason::TypeNotAccepted);
        };
        let (name, now) = (self.jwt_name(token, glance), glance.now);
        let (keys, token) = (store.current(now, &self.tasks), token.as_str());
        match self.prove(token, name, accept, keys.as_deref()) {
            Ok(verdict) => self.admit_jwt(verdict, accept, now),
            Err(Doubt::Bad(reason)) => reject(reason),
            Err(Doubt::Keys(reason)) => match self.newer_keys(store, keys.is_some(), now) {
                Ok(Some(fetch)) => self.jwt_after(fetch, token, name, accept),
                Ok(None) => reject(reason),
                Err(error) => Told::Now(Err(error)),
            },
        }
    }

    /// A JWT whose first letters promised something else was given that one's name.
    fn jwt_name(&self, token: BearerToken<'_>, glance: &Glance) -> CacheKey {
        if glance.kind.is_none() {
            glance.name
        } else {
            self.hasher.key(Domain::Jwt, token.as_bytes())
        }
    }

    /// Verifies a JWT and remembers that it did.
    ///
    /// The class is held against the accepted types before any signature work or key fetch.
    fn prove(
        &self,
        token: &str,
        name: CacheKey,
        accept: TokenTypes,
        keys: Option<&KeysInUse>,
    ) -> Result<JwtVerdict, Doubt> {
        let (began, asked) = (self.jwts.epoch(), self.clock.monotonic());
        let jwt = UnverifiedJwt::parse(token).map_err(Doubt::Bad)?;
        if !accept.contains(jwt.class()) {
            return Err(Doubt::Bad(Reason::TypeNotAccepted));
        }
        jwt.check_class(&self.jwt_policy).map_err(Doubt::Bad)?;
        let keys = keys.ok_or(Doubt::Keys(Reason::NoKeys))?;
        let sender = self.hasher.key(Domain::Machine, jwt.subject().as_bytes());
        let signed = jwt.verify(&keys.set).map_err(Doubt::Keys)?;
        let auth = signed
            .accept(&self.jwt_policy, self.clock.unix_time())
            .map_err(Doubt::Bad)?;
        let generation = keys.generation;
        let verdict = JwtVerdict {
            auth,
            generation,
            sender,
        };
        self.jwts.remember(name, began, asked, verdict.clone());
        Ok(verdict)
    }

    /// Returns a fetch to wait for before the token is looked at once more.
    fn newer_keys(
        &self,
        store: &KeyStore,
        have_keys: bool,
        now: Duration,
    ) -> Result<Option<Waiter<()>>, AuthError> {
        if have_keys {
            Ok(store.refetch(now, &self.tasks))
        } else {
            store.fetch(now, &self.tasks)
        }
    }

    fn jwt_after(
        self: &Arc<Self>,
        fetch: Waiter<()>,
        token: &str,
        name: CacheKey,
        accept: TokenTypes,
    ) -> Told<MachineAuth> {
        let (core, token) = (Arc::clone(self), SecretString::from(token));
        Told::Later(Box::pin(async move {
            fetch.landed().await;
            let now = core.clock.monotonic();
            let store = core.keys.as_ref().ok_or(Reason::TypeNotAccepted)?;
            let keys = store.current(now, &core.tasks);
            let verdict = core
                .prove(token.expose_secret(), name, accept, keys.as_deref())
                .map_err(Doubt::reason)?;
            core.admit_jwt(verdict, accept, now).into_result().await
        }))
    }

    /// Decides on a JWT that has been verified, now or before.
    pub(super) fn admit_jwt(
        self: &Arc<Self>,
        verdict: JwtVerdict,
        accept: TokenTypes,
        now: Duration,
    ) -> Told<MachineAuth> {
        let JwtVerdict { auth, sender, .. } = verdict;
        if !accept.contains(auth.token_type()) {
            return reject(Reason::TypeNotAccepted);
        }
        if let Err(reason) = self.check_now(&auth, UnixMillis::from_duration(self.jwt_policy.skew))
        {
            return reject(reason);
        }
        let MachineAuth::M2m(token) = &auth else {
            return Told::Now(Ok(auth));
        };
        match self.receiver.check_jwt(token, sender, now, &self.tasks) {
            Told::Now(answer) => Told::Now(answer.map(|()| auth)),
            Told::Later(answer) => {
                Told::Later(Box::pin(async move { answer.await.map(|()| auth) }))
            }
        }
    }
}
