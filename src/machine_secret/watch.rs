//! Tells an application of new secrets.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::secret::MachineSecretKey;

/// Waits for the next secret of a [`MachineSecret`](super::MachineSecret).
///
/// Secrets that come faster than they are taken are skipped: only the newest matters.
pub struct SecretWatch {
    changes: watch::Receiver<Option<Arc<MachineSecretKey>>>,
}

impl SecretWatch {
    pub(super) const fn new(changes: watch::Receiver<Option<Arc<MachineSecretKey>>>) -> Self {
        Self { changes }
    }

    /// Waits for a secret that this watch has not seen; `None` once the machine secret is gone.
    ///
    /// The first one is the first after [`MachineSecret::watch`](super::MachineSecret::watch) was
    /// called. May be dropped while it waits without missing anything.
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
