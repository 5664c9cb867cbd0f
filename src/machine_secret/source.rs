//! Where a managed secret comes from; implemented by the admin client.

use std::fmt::Debug;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::backend::AdminError;
use crate::id::MachineId;
use crate::secret::MachineSecretKey;

/// Reads and rotates the secret of one machine.
pub(crate) trait SecretSource: Debug + Send + Sync + 'static {
    fn machine_id(&self) -> &MachineId;

    /// Returns how long one call takes at most, its tries included.
    fn timeout(&self) -> Duration;

    fn read(&self) -> BoxFuture<'_, Result<MachineSecretKey, AdminError>>;

    /// Rotates with at most one request, and finds out by reading what became of a lost answer.
    fn rotate(
        &self,
        previous: MachineSecretKey,
        previous_token_ttl: Duration,
    ) -> BoxFuture<'_, Result<MachineSecretKey, AdminError>>;
}
