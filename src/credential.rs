//! With whose secret Clerk is called, and with which other one where that is refused.

use std::sync::Arc;

use http::HeaderValue;

use crate::backend::AdminError;
use crate::machine_secret::MachineSecret;
use crate::secret::{InstanceSecret, MachineSecretKey, SecretKey};
use crate::setting::{MACHINE_ID, MACHINE_SECRET_KEY, SECRET_KEY};

/// The secrets of this service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secrets {
    pub(crate) instance: Option<InstanceSecret>,
    pub(crate) machine: Option<MachineSecret>,
}

/// Which secrets Clerk takes for a call, the better one first.
#[derive(Debug, Clone)]
pub(crate) enum SecretChoice {
    Instance,
    Machine,
    /// The machine secret narrows what is answered: a token must be allowed to reach the machine.
    MachineElseInstance,
    /// The instance secret reaches every machine's tokens.
    InstanceElseMachine,
    /// The one that the caller gave for this call.
    Given(MachineSecretKey),
}

/// The secret that was selected for a call.
pub(crate) enum Credential {
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

impl Secrets {
    pub(crate) const fn is_empty(&self) -> bool {
        self.instance.is_none() && self.machine.is_none()
    }

    /// Returns `true` if the token is one of these secrets; compared in constant time.
    pub(crate) fn contains(&self, token: &[u8]) -> bool {
        let (instance, machine) = (self.instance.as_ref(), self.machine.as_ref());
        machine.is_some_and(|secret| secret.ct_eq(token))
            || instance.is_some_and(|secret| secret.ct_eq(token))
    }

    /// Selects the secret for a call; a managed machine secret is loaded first.
    pub(crate) async fn select(&self, choice: &SecretChoice) -> Result<Credential, AdminError> {
        use SecretChoice as Choice;
        match (choice, &self.instance, &self.machine) {
            (Choice::Given(secret), ..) => Ok(Credential::Given(secret.clone())),
            (Choice::Instance | Choice::InstanceElseMachine, Some(secret), _)
            | (Choice::MachineElseInstance, Some(secret), None) => Ok(Credential::instance(secret)),
            (Choice::Machine | Choice::MachineElseInstance, _, Some(secret))
            | (Choice::InstanceElseMachine, None, Some(secret)) => {
                Credential::machine(secret).await
            }
            (Choice::Instance, None, _) => Err(AdminError::missing_secret("the instance secret")),
            (Choice::Machine, _, None) => Err(AdminError::missing_secret("a machine secret")),
            (_, None, None) => Err(AdminError::missing_secret("an instance or machine secret")),
        }
    }
}

impl Credential {
    pub(crate) fn instance(secret: &InstanceSecret) -> Self {
        Self::Instance {
            secret: secret.clone(),
            used: secret.in_use(),
        }
    }

    async fn machine(secret: &MachineSecret) -> Result<Self, AdminError> {
        let used = secret.load().await?;
        let secret = secret.clone();
        Ok(Self::Machine { secret, used })
    }

    /// Returns another credential to try, now that Clerk has refused this one with 401.
    ///
    /// That means for a managed machine secret that it was rotated, and for an instance secret that
    /// it was replaced, or not yet.
    pub(crate) async fn renewed(&self) -> Option<Self> {
        match self {
            Self::Instance { secret, used } => Some(Self::Instance {
                used: secret.other_than(used)?,
                secret: secret.clone(),
            }),
            Self::Machine { secret, used } if secret.rejected(used).await => {
                Self::machine(secret).await.ok()
            }
            Self::Machine { .. } | Self::Given(_) => None,
        }
    }

    /// Clerk took this credential after it had refused another one.
    pub(crate) fn accepted(&self) {
        if let Self::Instance { secret, used } = self {
            secret.prefer(used);
        }
    }

    /// Returns the setting that holds this secret.
    pub(crate) fn setting(&self) -> &'static str {
        match self {
            Self::Instance { .. } => SECRET_KEY,
            // Clerk gave us that secret for ours.
            Self::Machine { secret, .. } if secret.machine_id().is_some() => MACHINE_ID,
            Self::Machine { .. } | Self::Given(_) => MACHINE_SECRET_KEY,
        }
    }

    pub(crate) fn expose_secret(&self) -> &str {
        match self {
            Self::Instance { used, .. } => used.expose_secret(),
            Self::Machine { used, .. } => used.expose_secret(),
            Self::Given(secret) => secret.expose_secret(),
        }
    }

    /// Returns the value of `Authorization`; `None` for a secret that no header field can hold.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        match self {
            Self::Instance { used, .. } => used.authorization(),
            Self::Machine { used, .. } => used.authorization(),
            Self::Given(secret) => secret.authorization(),
        }
    }
}
