//! Notifies an application of new secrets.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::secret::MachineSecretKey;

/// Waits for the next secret of a [`MachineSecret`](super::MachineSecret).
///
/// A slow receiver skips secrets: only the newest matters.
pub struct SecretWatch {
    changes: watch::Receiver<Option<Arc<MachineSecretKey>>>,
}

impl SecretWatch {
    pub(super) const fn new(changes: watch::Receiver<Option<Arc<MachineSecretKey>>>) -> Self {
        Self { changes }
    }

    /// Waits for a secret that this watch has not returned yet. Returns `None` after the machine secret
    /// was dropped.
    ///
    /// The first one is the first after the call of
    /// [`MachineSecret::watch`](super::MachineSecret::watch). This method is cancel safe: no secret is
    /// missed if the future is dropped.
    pub async fn changed(&mut self) -> Option<Arc<MachineSecretKey>> {
        self.changes.changed().await.ok()?;
        self.changes.borrow_and_update().clone()
    }
}

impl fmt::Debug for SecretWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretWatch").finish_non_exhaustive()
    }
}
