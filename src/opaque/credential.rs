//! With whose secret Clerk is asked about a token.

use std::sync::Arc;

use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::admin::{AdminError, AdminErrorKind};
use crate::error::Reason;
use crate::machine_secret::MachineSecret;
use crate::secret::{InstanceSecret, MachineSecretKey, SecretKey};
use crate::setting::{MACHINE_ID, MACHINE_SECRET_KEY, SECRET_KEY};
use crate::token::TokenType;

/// How many tokens may wait for a machine secret that is not loaded yet, as many as calls are under
/// way by default. Each waits in a task, and before the budget of calls is asked.
const LONGEST_QUEUE: usize = 256;

/// The secrets at hand.
#[derive(Debug)]
pub(super) struct Secrets {
    instance: Option<InstanceSecret>,
    machine: Option<MachineSecret>,
    queue: Semaphore,
}

/// The secret that was chosen for one call.
pub(super) enum Credential<'a> {
    Instance(&'a InstanceSecret, Arc<SecretKey>),
    Machine(&'a MachineSecret, Arc<MachineSecretKey>),
}

impl Secrets {
    pub(super) const fn new(
        instance: Option<InstanceSecret>,
        machine: Option<MachineSecret>,
    ) -> Self {
        Self {
            instance,
            machine,
            queue: Semaphore::const_new(LONGEST_QUEUE),
        }
    }

    /// Returns `true` for an API key that is the machine secret of this service, which looks like
    /// one. A managed secret is loaded first: until then nobody knows.
    pub(super) async fn contains(
        &self,
        token_type: TokenType,
        token: &SecretString,
        deadline: Instant,
    ) -> Result<bool, Reason> {
        match &self.machine {
            Some(secret) if token_type == TokenType::ApiKey => {
                self.load(secret, deadline).await?;
                Ok(secret.ct_eq(token.expose_secret().as_bytes()))
            }
            _ => Ok(false),
        }
    }

    async fn load(
        &self,
        secret: &MachineSecret,
        deadline: Instant,
    ) -> Result<Arc<MachineSecretKey>, Reason> {
        if let Some(loaded) = secret.current() {
            return Ok(loaded);
        }
        let _queued = self.queue.try_acquire().map_err(|_| Reason::Overload)?;
        match timeout_at(deadline, secret.load()).await {
            Ok(loaded) => loaded.map_err(|error| not_loaded(&error)),
            Err(_) => Err(Reason::Upstream),
        }
    }

    /// Chooses the secret for a type of token.
    ///
    /// Fails with `Credentials` where there is none or Clerk does not give it to us, with `Upstream`
    /// where Clerk does not answer in time, and with `Overload` where too many wait for it.
    pub(super) async fn select(
        &self,
        token_type: TokenType,
        deadline: Instant,
    ) -> Result<Credential<'_>, Reason> {
        match (token_type, &self.machine, &self.instance) {
            (TokenType::M2m, Some(secret), _) => {
                let loaded = self.load(secret, deadline).await?;
                Ok(Credential::Machine(secret, loaded))
            }
            (_, _, Some(secret)) => Ok(Credential::Instance(secret, secret.in_use())),
            _ => Err(Reason::Credentials),
        }
    }
}

impl<'a> Credential<'a> {
    /// Returns another secret to try, now that Clerk has refused this one.
    pub(super) async fn renewed(&self, deadline: Instant) -> Option<Self> {
        let (secret, used) = match self {
            Self::Instance(secret, used) => {
                return Some(Self::Instance(secret, secret.other_than(used)?));
            }
            Self::Machine(secret, used) => (secret, used),
        };
        let another = timeout_at(deadline, secret.rejected(used)).await.ok()?;
        let now = secret.current().filter(|_| another)?;
        Some(Self::Machine(secret, now))
    }

    /// Returns the setting that holds this secret.
    pub(super) fn setting(&self) -> &'static str {
        match self {
            Self::Instance(..) => SECRET_KEY,
            // Clerk gave us that secret for ours.
            Self::Machine(secret, _) if secret.machine_id().is_some() => MACHINE_ID,
            Self::Machine(..) => MACHINE_SECRET_KEY,
        }
    }

    /// Clerk took this secret after it had refused another one.
    pub(super) fn accepted(&self) {
        if let Self::Instance(secret, used) = self {
            secret.prefer(used);
        }
    }

    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        match self {
            Self::Instance(_, used) => used.authorization(),
            Self::Machine(_, used) => used.authorization(),
        }
    }
}

/// Tells a Clerk that refuses to give the machine secret from one that does not answer.
pub(crate) fn not_loaded(error: &AdminError) -> Reason {
    match error.api() {
        Some(api) if api.status.is_client_error() && !api.is_rate_limited() => Reason::Credentials,
        Some(_) => Reason::Upstream,
        None if error.kind() == AdminErrorKind::MissingSecret => Reason::Credentials,
        None => Reason::Upstream,
    }
}
