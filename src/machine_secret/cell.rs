//! The secret in use: read without a lock, replaced as a whole, watched.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::watch;

use super::watch::SecretWatch;
use crate::secret::MachineSecretKey;

/// How many secrets from before the one in use are known again as ours. Clerk takes each of them for
/// up to eight hours; this many cover a rotation an hour.
const FORMER: usize = 8;

/// Holds the secret twice: the swap is what requests read, the channel only wakes watchers.
pub(super) struct Cell {
    current: ArcSwapOption<MachineSecretKey>,
    /// The newest last.
    former: ArcSwap<Vec<Arc<MachineSecretKey>>>,
    changes: watch::Sender<Option<Arc<MachineSecretKey>>>,
}

impl Cell {
    pub(super) fn new(secret: Option<MachineSecretKey>) -> Self {
        let secret = secret.map(Arc::new);
        Self {
            current: ArcSwapOption::new(secret.clone()),
            former: ArcSwap::default(),
            changes: watch::Sender::new(secret),
        }
    }

    pub(super) fn current(&self) -> Option<Arc<MachineSecretKey>> {
        self.current.load_full()
    }

    /// Returns `true` if the token is the secret in use or one from before it, which Clerk may
    /// still take.
    pub(super) fn ct_eq(&self, token: &[u8]) -> bool {
        let (current, former) = (self.current.load(), self.former.load());
        let mut secrets = current.iter().chain(former.iter());
        secrets.any(|secret| secret.ct_eq(token))
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
        // Kept before it is replaced, so that it is ours at any moment.
        self.former.rcu(|former| self.with_current(former));
        self.current.store(secret.clone());
        self.changes.send_replace(secret);
        true
    }

    fn with_current(&self, former: &[Arc<MachineSecretKey>]) -> Vec<Arc<MachineSecretKey>> {
        let mut kept = former.to_vec();
        kept.extend(self.current());
        kept.drain(..kept.len().saturating_sub(FORMER));
        kept
    }

    pub(super) fn watch(&self) -> SecretWatch {
        SecretWatch::new(self.changes.subscribe())
    }
}
