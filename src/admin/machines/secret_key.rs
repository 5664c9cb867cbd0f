//! Reads and rotates a machine's secret; a rotation happens exactly once, even if a response is
//! lost.

use std::time::Duration;

use http::Method;
use serde::{Deserialize, Serialize};

use super::{MACHINES, Machines};
use crate::admin::client::AdminClient;
use crate::backend::AdminError;
use crate::id::MachineId;
use crate::machine_secret::whole_previous_token_ttl;
use crate::secret::MachineSecretKey;

/// A request to rotate a machine's secret; see
/// [`Machines::rotate_secret_key`](super::Machines::rotate_secret_key).
#[derive(Debug, Clone)]
#[must_use = "nothing is sent before `send` is called"]
pub struct RotateSecretKey {
    client: AdminClient,
    id: MachineId,
    previous_token_ttl: Duration,
    previous: Option<MachineSecretKey>,
}

#[derive(Serialize)]
struct Body {
    previous_token_ttl: u64,
}

#[derive(Deserialize)]
struct Secret {
    #[serde(deserialize_with = "crate::admin::wire::machine_secret")]
    secret: MachineSecretKey,
}

impl Machines<'_> {
    /// Gets the secret of a machine.
    ///
    /// # Errors
    ///
    /// Fails as described in [`AdminErrorKind`](crate::AdminErrorKind).
    /// [`AdminError::is_not_found`] returns `true` if there is no such machine.
    pub async fn get_secret_key(self, id: &MachineId) -> Result<MachineSecretKey, AdminError> {
        get_secret_key(self.client, id).await
    }

    /// Rotates the secret of a machine.
    ///
    /// The previous secret stays valid for `previous_token_ttl`: whole seconds, from zero to eight
    /// hours.
    ///
    /// A service that uses the secret itself should use
    /// [`MachineSecret::rotate`](crate::MachineSecret::rotate) instead.
    ///
    /// # Security
    ///
    /// With zero, the previous secret becomes invalid immediately, and requests that still use it
    /// fail.
    pub fn rotate_secret_key(
        self,
        id: &MachineId,
        previous_token_ttl: Duration,
    ) -> RotateSecretKey {
        RotateSecretKey {
            client: self.client.clone(),
            id: id.clone(),
            previous_token_ttl,
            previous: None,
        }
    }
}

impl RotateSecretKey {
    /// Sets the current secret of the machine, which saves the call that reads it.
    pub fn previous(mut self, secret: MachineSecretKey) -> Self {
        self.previous = Some(secret);
        self
    }

    /// Rotates the secret, and returns the new one.
    ///
    /// The request is sent once. If its response is lost, the secret is read back; one that differs
    /// from the previous one is the new one. For this purpose the previous secret is read first,
    /// unless it was [set](Self::previous).
    ///
    /// # Errors
    ///
    /// Fails without a call if `previous_token_ttl` is out of bounds, and otherwise as described in
    /// [`AdminErrorKind`](crate::AdminErrorKind). If the [outcome is
    /// unknown](AdminError::is_outcome_unknown), the secret could not be read back, or was still
    /// the previous one.
    pub async fn send(self) -> Result<MachineSecretKey, AdminError> {
        let body = Body {
            previous_token_ttl: whole_previous_token_ttl(self.previous_token_ttl)?,
        };
        let previous = match &self.previous {
            Some(secret) => secret.clone(),
            None => get_secret_key(&self.client, &self.id).await?,
        };
        match self.post(&body).await {
            Err(error) if error.is_outcome_unknown() => self.read_back(&previous, error).await,
            outcome => outcome,
        }
    }

    async fn post(&self, body: &Body) -> Result<MachineSecretKey, AdminError> {
        let path = [MACHINES, self.id.as_str(), "secret_key", "rotate"];
        let call = self.client.write(Method::POST, &path).json(body)?;
        call.send(&self.client)
            .await
            .map(|Secret { secret }| secret)
    }

    /// Determines the outcome of a rotation whose response was lost.
    async fn read_back(
        &self,
        previous: &MachineSecretKey,
        lost: AdminError,
    ) -> Result<MachineSecretKey, AdminError> {
        match get_secret_key(&self.client, &self.id).await {
            Ok(now) if !now.same(previous) => Ok(now),
            _ => Err(lost),
        }
    }
}

async fn get_secret_key(
    client: &AdminClient,
    id: &MachineId,
) -> Result<MachineSecretKey, AdminError> {
    let path = [MACHINES, id.as_str(), "secret_key"];
    let call = client.read(Method::GET, &path);
    call.send(client).await.map(|Secret { secret }| secret)
}
