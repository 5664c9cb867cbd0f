//! With whose secret a call is made.

use std::sync::Arc;

use http::HeaderValue;

use super::client::AdminClient;
use super::error::AdminError;
use crate::machine_secret::MachineSecret;
use crate::secret::{InstanceSecret, MachineSecretKey, SecretKey};

/// Which secrets Clerk takes for a call, the better one first.
#[derive(Debug, Clone)]
pub(super) enum Needs {
    Instance,
    Machine,
    /// The machine secret narrows what is answered: a token must be allowed to reach the machine.
    MachineElseInstance,
    /// The instance secret reaches every machine's tokens.
    InstanceElseMachine,
    /// The one that the caller gave for this call.
    Given(MachineSecretKey),
}

/// The secret that was chosen.
pub(super) enum Credential {
    Instance {
        secret: InstanceSecret,
        used: Arc<SecretKey>,
    },
    Machine {
        secret: MachineSecret,
        used: Arc<MachineSecretKey>,
    },
    Given(MachineSecretKey),
}

impl AdminClient {
    pub(super) async fn credential(&self, needs: &Needs) -> Result<Credential, AdminError> {
        let (instance, machine) = (&self.parts.instance, &self.parts.machine);
        match (needs, instance, machine) {
            (Needs::Given(secret), ..) => Ok(Credential::Given(secret.clone())),
            (Needs::Instance, Some(secret), _)
            | (Needs::InstanceElseMachine, Some(secret), _)
            | (Needs::MachineElseInstance, Some(secret), None) => Ok(Credential::Instance {
                secret: secret.clone(),
                used: secret.in_use(),
            }),
            (Needs::Machine | Needs::MachineElseInstance, _, Some(secret))
            | (Needs::InstanceElseMachine, None, Some(secret)) => Credential::of(secret).await,
            (Needs::Instance, None, _) => Err(AdminError::missing_secret("the instance secret")),
            (Needs::Machine, _, None) => Err(AdminError::missing_secret("a machine secret")),
            (_, None, None) => Err(AdminError::missing_secret("an instance or machine secret")),
        }
    }
}

impl Credential {
    async fn of(secret: &MachineSecret) -> Result<Self, AdminError> {
        let used = secret.load().await?;
        let secret = secret.clone();
        Ok(Self::Machine { secret, used })
    }

    /// Returns another credential to try, now that Clerk has refused this one.
    pub(super) async fn renewed(&self) -> Option<Self> {
        match self {
            Self::Instance { secret, used } => Some(Self::Instance {
                used: secret.other_than(used)?,
                secret: secret.clone(),
            }),
            Self::Machine { secret, used } if secret.rejected(used).await => {
                Self::of(secret).await.ok()
            }
            Self::Machine { .. } | Self::Given(_) => None,
        }
    }

    /// Clerk took this credential after it had refused another one.
    pub(super) fn taken(&self) {
        if let Self::Instance { secret, used } = self {
            secret.prefer(used);
        }
    }

    pub(super) fn expose_secret(&self) -> &str {
        match self {
            Self::Instance { used, .. } => used.expose_secret(),
            Self::Machine { used, .. } => used.expose_secret(),
            Self::Given(secret) => secret.expose_secret(),
        }
    }

    pub(super) fn authorization(&self) -> Result<HeaderValue, AdminError> {
        let value = match self {
            Self::Instance { used, .. } => used.authorization(),
            Self::Machine { used, .. } => used.authorization(),
            Self::Given(secret) => secret.authorization(),
        };
        value.ok_or_else(|| AdminError::invalid("secret", "cannot stand in a header"))
    }
}
