//! With whose secret Clerk is asked about a token.

use std::sync::Arc;

use http::HeaderValue;
use tokio::time::{Instant, timeout_at};

use crate::machine_secret::MachineSecret;
use crate::secret::{MachineSecretKey, SecretKey};
use crate::token::TokenType;

/// The secrets at hand.
#[derive(Debug, Clone)]
pub(super) struct Secrets {
    pub(super) instance: Option<SecretKey>,
    pub(super) machine: Option<MachineSecret>,
}

/// The secret that was chosen for one call.
pub(super) enum Credential<'a> {
    Instance(&'a SecretKey),
    Machine(&'a MachineSecret, Arc<MachineSecretKey>),
}

impl Secrets {
    /// Chooses the secret for a type of token; `None` where there is none, or none in time.
    pub(super) async fn choose(
        &self,
        kind: TokenType,
        deadline: Instant,
    ) -> Option<Credential<'_>> {
        match (kind, &self.machine, &self.instance) {
            (TokenType::M2m, Some(secret), _) => Credential::of(secret, deadline).await,
            (_, _, Some(secret)) => Some(Credential::Instance(secret)),
            _ => None,
        }
    }
}

impl<'a> Credential<'a> {
    async fn of(secret: &'a MachineSecret, deadline: Instant) -> Option<Self> {
        let used = timeout_at(deadline, secret.load()).await.ok()?.ok()?;
        Some(Self::Machine(secret, used))
    }

    /// Returns another secret to try, now that Clerk has refused this one.
    pub(super) async fn renewed(&self, deadline: Instant) -> Option<Self> {
        let Self::Machine(secret, used) = self else {
            return None;
        };
        let another = timeout_at(deadline, secret.rejected(used)).await.ok()?;
        if another {
            Self::of(secret, deadline).await
        } else {
            None
        }
    }

    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        match self {
            Self::Instance(secret) => secret.authorization(),
            Self::Machine(_, used) => used.authorization(),
        }
    }
}
