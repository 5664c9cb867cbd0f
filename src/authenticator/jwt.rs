//! The way of a JWT: memory, else the signature; keys are fetched where need be; then the receiver.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::core::{Core, reject};
use super::recall::Glance;
use crate::cache::{CacheKey, Domain, Named, Told};
use crate::error::{AuthError, Reason};
use crate::flights::Waiter;
use crate::identity::{MachineAuth, UnixMillis};
use crate::jwt::UnverifiedJwt;
use crate::keys::{Generation, KeyStore, KeysInUse, Newer};
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

impl Named for JwtVerdict {
    fn names(&self) -> [&str; 2] {
        self.auth.names()
    }

    fn heap_size(&self) -> usize {
        MachineAuth::heap_size(&self.auth)
    }
}

/// A JWT to decide on.
#[derive(Clone, Copy)]
struct Case<'a> {
    token: &'a str,
    name: CacheKey,
    accept: TokenTypes,
}

/// Why a JWT could not be decided on with the keys at hand.
enum Doubt {
    /// It is bad, whatever the keys.
    Bad(Reason),
    /// There are no keys, or the token does not fit them and might fit newer ones.
    Keys(Reason),
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
        let name = self.jwt_name(token, glance);
        let keys = store.current(glance.now, &self.tasks);
        let case = Case {
            token: token.as_str(),
            name,
            accept,
        };
        self.jwt_under(case, store, keys.as_deref(), glance.now)
    }

    /// Decides under these keys, or under newer ones where the token does not fit them.
    fn jwt_under(
        self: &Arc<Self>,
        case: Case<'_>,
        store: &KeyStore,
        keys: Option<&KeysInUse>,
        now: Duration,
    ) -> Told<MachineAuth> {
        match self.prove(case, keys) {
            Ok(verdict) => self.admit_jwt(verdict, case.accept, now, None),
            Err(Doubt::Bad(reason)) => reject(reason),
            Err(Doubt::Keys(reason)) => match store.newer(keys, now, &self.tasks) {
                Ok(Newer::Here(newer)) => self.jwt_under(case, store, Some(&newer), now),
                Ok(Newer::Coming(fetch)) => self.jwt_after(fetch, case),
                Ok(Newer::No) => Told::Now(Err(store.misfit(reason, now))),
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
    fn prove(&self, case: Case<'_>, keys: Option<&KeysInUse>) -> Result<JwtVerdict, Doubt> {
        let (began, asked) = (self.jwts.epoch(), self.clock.monotonic());
        let jwt = UnverifiedJwt::parse(case.token).map_err(Doubt::Bad)?;
        if !case.accept.contains(jwt.class()) {
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
        self.jwts.remember(case.name, began, asked, verdict.clone());
        Ok(verdict)
    }

    fn jwt_after(self: &Arc<Self>, fetch: Waiter<()>, case: Case<'_>) -> Told<MachineAuth> {
        let Case { name, accept, .. } = case;
        let (core, token) = (Arc::clone(self), SecretString::from(case.token));
        let deadline = self.tasks.deadline();
        Told::Later(Box::pin(async move {
            let token = token.expose_secret();
            let case = Case {
                token,
                name,
                accept,
            };
            let verdict = core.prove_after(fetch, case, deadline).await?;
            let now = core.clock.monotonic();
            let told = core.admit_jwt(verdict, accept, now, Some(deadline));
            told.into_result().await
        }))
    }

    /// Waits for the keys and looks once more; a second time where the first fetch was under way
    /// already, and may have asked before the key was published.
    async fn prove_after(
        &self,
        fetch: Waiter<()>,
        case: Case<'_>,
        deadline: Instant,
    ) -> Result<JwtVerdict, AuthError> {
        let store = self.keys.as_ref().ok_or(Reason::TypeNotAccepted)?;
        let current = || store.current(self.clock.monotonic(), &self.tasks);
        let is_early = fetch.is_joined();
        let landed = fetch.landed(deadline).await;
        let keys = current();
        let proof = self.prove(case, keys.as_deref());
        if !matches!(proof, Err(Doubt::Keys(_))) || !is_early {
            return proof.map_err(|doubt| self.misfit(store, doubt, landed));
        }
        let landed = match store.newer(keys.as_deref(), self.clock.monotonic(), &self.tasks)? {
            Newer::Coming(fetch) => fetch.landed(deadline).await,
            Newer::Here(_) | Newer::No => Ok(()),
        };
        let proof = self.prove(case, current().as_deref());
        proof.map_err(|doubt| self.misfit(store, doubt, landed))
    }

    /// Tells a bad token from one that newer keys might fit, if they could be fetched.
    fn misfit(&self, store: &KeyStore, doubt: Doubt, landed: Result<(), TaskError>) -> AuthError {
        match (doubt, landed) {
            (Doubt::Bad(reason), _) => reason.into(),
            (Doubt::Keys(_), Err(_)) => Reason::NoKeys.into(),
            (Doubt::Keys(reason), Ok(())) => store.misfit(reason, self.clock.monotonic()),
        }
    }

    /// Decides on a JWT that has been verified, now or before.
    pub(super) fn admit_jwt(
        self: &Arc<Self>,
        verdict: JwtVerdict,
        accept: TokenTypes,
        now: Duration,
        deadline: Option<Instant>,
    ) -> Told<MachineAuth> {
        let JwtVerdict { auth, sender, .. } = verdict;
        if !accept.contains(auth.token_type()) {
            return reject(Reason::TypeNotAccepted);
        }
        if let Err(reason) = self.check_jwt_now(&auth) {
            return reject(reason);
        }
        let MachineAuth::M2m(token) = &auth else {
            return Told::Now(Ok(auth));
        };
        match self
            .receiver
            .check_jwt(token, sender, now, self.wait(deadline))
        {
            Told::Now(answer) => Told::Now(answer.map(|()| self.granted(auth))),
            Told::Later(answer) => {
                let core = Arc::clone(self);
                Told::Later(Box::pin(async move {
                    answer.await?;
                    // It may have been refused, or have expired, while Clerk was asked.
                    core.check_jwt_now(&auth)?;
                    Ok(core.granted(auth))
                }))
            }
        }
    }

    pub(super) fn check_jwt_now(&self, auth: &MachineAuth) -> Result<(), Reason> {
        self.check_now(auth, UnixMillis::from_duration(self.jwt_policy.skew))
    }
}
