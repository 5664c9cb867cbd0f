//! With whose secret Clerk is asked about a token.

use std::sync::Arc;

use http::HeaderValue;
use tokio::time::{Instant, timeout_at};

use crate::admin::{AdminError, AdminErrorKind};
use crate::error::Reason;
use crate::machine_secret::MachineSecret;
use crate::secret::{InstanceSecret, MachineSecretKey, SecretKey};
use crate::setting::{MACHINE_ID, MACHINE_SECRET_KEY, SECRET_KEY};
use crate::token::TokenType;

/// The secrets at hand.
#[derive(Debug, Clone)]
pub(super) struct Secrets {
    pub(super) instance: Option<InstanceSecret>,
    pub(super) machine: Option<MachineSecret>,
}

/// The secret that was chosen for one call.
pub(super) enum Credential<'a> {
    Instance(&'a InstanceSecret, Arc<SecretKey>),
    Machine(&'a MachineSecret, Arc<MachineSecretKey>),
}

impl Secrets {
    /// Chooses the secret for a type of token.
    ///
    /// Fails with `Credentials` where there is none or Clerk does not give it to us, and with
    /// `Upstream` where Clerk does not answer in time.
    pub(super) async fn choose(
        &self,
        kind: TokenType,
        deadline: Instant,
    ) -> Result<Credential<'_>, Reason> {
        match (kind, &self.machine, &self.instance) {
            (TokenType::M2m, Some(secret), _) => Credential::of(secret, deadline).await,
            (_, _, Some(secret)) => Ok(Credential::Instance(secret, secret.in_use())),
            _ => Err(Reason::Credentials),
        }
    }
}

impl<'a> Credential<'a> {
    async fn of(secret: &'a MachineSecret, deadline: Instant) -> Result<Self, Reason> {
        match timeout_at(deadline, secret.load()).await {
            Ok(Ok(used)) => Ok(Self::Machine(secret, used)),
            Ok(Err(error)) => Err(not_loaded(&error)),
            Err(_) => Err(Reason::Upstream),
        }
    }

    /// Returns another secret to try, now that Clerk has refused this one.
    pub(super) async fn renewed(&self, deadline: Instant) -> Option<Self> {
        let (secret, used) = match self {
            Self::Instance(secret, used) => {
                return Some(Self::Instance(secret, secret.other_than(used)?));
            }
            Self::Machine(secret, used) => (secret, used),
        };
        let another = timeout_at(deadline, secret.rejected(used)).await.ok()?;
        if another {
            Self::of(secret, deadline).await.ok()
        } else {
            None
        }
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
    pub(super) fn taken(&self) {
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
