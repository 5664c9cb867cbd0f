//! The secret in use: read without a lock, replaced as a whole, watched.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::watch::SecretWatch;
use crate::secret::MachineSecretKey;

/// Holds the secret twice: the swap is what requests read, the channel only wakes watchers.
pub(super) struct Cell {
    current: ArcSwapOption<MachineSecretKey>,
    changes: watch::Sender<Option<Arc<MachineSecretKey>>>,
}

impl Cell {
    pub(super) fn new(secret: Option<MachineSecretKey>) -> Self {
        let secret = secret.map(Arc::new);
        Self {
            current: ArcSwapOption::new(secret.clone()),
            changes: watch::Sender::new(secret),
        }
    }

    pub(super) fn current(&self) -> Option<Arc<MachineSecretKey>> {
        self.current.load_full()
    }

    pub(super) fn is(&self, token: &[u8]) -> bool {
        let current = self.current.load();
        current.as_ref().is_some_and(|secret| secret.is(token))
    }

    /// Returns `true` if the secret is another one than it was before.
    pub(super) fn holds_other_than(&self, before: Option<&Arc<MachineSecretKey>>) -> bool {
        match (self.current(), before) {
            (Some(now), Some(before)) => !now.same(before),
            (now, before) => now.is_some() || before.is_some(),
        }
    }

    /// Uses this secret from now on; tells whether it is another one than before.
    pub(super) fn adopt(&self, secret: MachineSecretKey) -> bool {
        if self.current().is_some_and(|now| now.same(&secret)) {
            return false;
        }
        let secret = Some(Arc::new(secret));
        self.current.store(secret.clone());
        self.changes.send_replace(secret);
        true
    }

    pub(super) fn watch(&self) -> SecretWatch {
        SecretWatch::new(self.changes.subscribe())
    }
}
