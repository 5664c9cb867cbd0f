//! The source of a managed secret, implemented by the admin client.

use std::fmt::Debug;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::backend::AdminError;
use crate::id::MachineId;
use crate::secret::MachineSecretKey;

/// Reads and rotates the secret of one machine.
pub(crate) trait SecretSource: Debug + Send + Sync + 'static {
    fn machine_id(&self) -> &MachineId;

    /// Returns the maximum duration of one call, including its retries.
    fn timeout(&self) -> Duration;

    fn read(&self) -> BoxFuture<'_, Result<MachineSecretKey, AdminError>>;

    /// Rotates with at most one request. If the response is lost, reads the secret to find out whether
    /// it changed.
    fn rotate(
        &self,
        previous: MachineSecretKey,
        previous_token_ttl: Duration,
    ) -> BoxFuture<'_, Result<MachineSecretKey, AdminError>>;
}
