//! Selects the secret for a call to Clerk, and the alternative if Clerk refuses it.

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

/// The secrets that Clerk accepts for a call, the preferred one first.
#[derive(Debug, Clone)]
pub(crate) enum SecretChoice {
    Instance,
    Machine,
    /// The machine secret restricts the result: a token must be allowed to reach the machine.
    MachineElseInstance,
    /// The instance secret covers the tokens of every machine.
    InstanceElseMachine,
    /// The secret that the caller passed for this call.
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

    /// Returns `true` if the token is one of these secrets. Compares in constant time.
    pub(crate) fn contains(&self, token: &[u8]) -> bool {
        let (instance, machine) = (self.instance.as_ref(), self.machine.as_ref());
        machine.is_some_and(|secret| secret.ct_eq(token))
            || instance.is_some_and(|secret| secret.ct_eq(token))
    }

    /// Selects the secret for a call. A managed machine secret is loaded first.
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

    /// Returns another credential to try after Clerk has refused this one with 401.
    ///
    /// A managed machine secret may have been rotated. An instance secret may have been replaced, here
    /// or at Clerk.
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

    /// Records that Clerk accepted this credential after it had refused another one.
    pub(crate) fn accepted(&self) {
        if let Self::Instance { secret, used } = self {
            secret.prefer(used);
        }
    }

    /// Returns the setting that contains this secret.
    pub(crate) fn setting(&self) -> &'static str {
        match self {
            Self::Instance { .. } => SECRET_KEY,
            // A managed secret came from Clerk, so the machine id is the setting to check.
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

    /// Returns the value of `Authorization`, or `None` for a secret that is not allowed in a header
    /// field.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        match self {
            Self::Instance { used, .. } => used.authorization(),
            Self::Machine { used, .. } => used.authorization(),
            Self::Given(secret) => secret.authorization(),
        }
    }
}
