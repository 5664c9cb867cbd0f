//! The admin client as the source of a machine's secret.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::client::AdminClient;
use crate::backend::AdminError;
use crate::id::MachineId;
use crate::machine_secret::{MachineSecret, SecretSource};
use crate::secret::MachineSecretKey;

/// A machine, and a client that may read its secret.
#[derive(Debug)]
struct ManagedMachine {
    client: AdminClient,
    id: MachineId,
}

impl SecretSource for ManagedMachine {
    fn machine_id(&self) -> &MachineId {
        &self.id
    }

    fn timeout(&self) -> Duration {
        let parts = &self.client.parts;
        parts.read.deadline.max(parts.write.deadline)
    }

    fn read(&self) -> BoxFuture<'_, Result<MachineSecretKey, AdminError>> {
        Box::pin(self.client.machines().get_secret_key(&self.id))
    }

    fn rotate(
        &self,
        previous: MachineSecretKey,
        previous_token_ttl: Duration,
    ) -> BoxFuture<'_, Result<MachineSecretKey, AdminError>> {
        Box::pin(
            self.client
                .machines()
                .rotate_secret_key(&self.id, previous_token_ttl)
                .previous(previous)
                .send(),
        )
    }
}

impl MachineSecret {
    /// Creates a machine secret that is loaded and rotated through this client, which needs the
    /// instance secret.
    ///
    /// Makes no call. The secret is loaded when it is first needed, or by [`load`](Self::load). An
    /// authenticator that needs it waits for it before it verifies M2M tokens and API keys, and
    /// responds with 503 if it cannot be loaded. API keys wait because one may be this very secret,
    /// which must not be sent to Clerk as a token.
    #[must_use]
    pub fn managed(client: AdminClient, machine: MachineId) -> Self {
        Self::make(client, machine, None)
    }

    /// Creates a [`managed`](Self::managed) secret with an initial value, so that the service can
    /// start while Clerk is unreachable.
    #[must_use]
    pub fn managed_from(client: AdminClient, machine: MachineId, known: MachineSecretKey) -> Self {
        Self::make(client, machine, Some(known))
    }

    fn make(client: AdminClient, id: MachineId, known: Option<MachineSecretKey>) -> Self {
        let clock = Arc::clone(&client.parts.clock);
        Self::from_source(Arc::new(ManagedMachine { client, id }), clock, known)
    }
}
