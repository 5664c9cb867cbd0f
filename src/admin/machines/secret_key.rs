//! A machine's secret: read, and rotated exactly once even if an answer is lost.

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
    /// As every call may; [`AdminError::is_not_found`] if there is no such machine.
    pub async fn get_secret_key(self, id: &MachineId) -> Result<MachineSecretKey, AdminError> {
        get_secret_key(self.client, id).await
    }

    /// Gives a machine a new secret; the previous one stays valid for `previous_token_ttl`: whole
    /// seconds, from zero to eight hours.
    ///
    /// A service that uses the secret itself is better served by
    /// [`MachineSecret::rotate`](crate::MachineSecret::rotate).
    ///
    /// # Security
    ///
    /// Zero ends the previous secret at once, and with it every request that still uses it.
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
    /// Tells which secret the machine has now, which saves reading it first.
    pub fn previous(mut self, secret: MachineSecretKey) -> Self {
        self.previous = Some(secret);
        self
    }

    /// Rotates, and returns the new secret.
    ///
    /// The request is sent once. If its answer is lost, the secret is read: one that differs from
    /// the previous one is the new one. For this the previous secret is read before, unless it was
    /// [given](Self::previous).
    ///
    /// # Errors
    ///
    /// Fails without a call for a `previous_token_ttl` out of bounds, and as every call may. After
    /// an error whose [outcome is unknown](AdminError::is_outcome_unknown) the secret could not be
    /// read back, or was still the previous one.
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

    /// Finds out what became of a rotation whose answer is lost.
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
