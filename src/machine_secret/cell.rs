//! The current secret: read without a lock, replaced as a whole, watched.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::watch;

use super::watch::SecretWatch;
use crate::secret::MachineSecretKey;

/// The number of previous secrets that are still recognized as ours. Clerk accepts each of them for up
/// to eight hours, so this covers one rotation per hour.
const FORMER: usize = 8;

/// Holds the secret twice: requests read the swap, and the channel only wakes watchers.
pub(super) struct Cell {
    current: ArcSwapOption<MachineSecretKey>,
    /// The previous secrets, the newest last.
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

    /// Returns `true` if the token is the current secret or a previous one, which Clerk may still
    /// accept.
    pub(super) fn ct_eq(&self, token: &[u8]) -> bool {
        let (current, former) = (self.current.load(), self.former.load());
        let mut secrets = current.iter().chain(former.iter());
        secrets.any(|secret| secret.ct_eq(token))
    }

    /// Returns `true` if the secret differs from the one before.
    pub(super) fn holds_other_than(&self, before: Option<&Arc<MachineSecretKey>>) -> bool {
        match (self.current(), before) {
            (Some(now), Some(before)) => !now.same(before),
            (now, before) => now.is_some() || before.is_some(),
        }
    }

    /// Makes this the current secret. Returns `true` if it differs from the previous one.
    pub(super) fn adopt(&self, secret: MachineSecretKey) -> bool {
        if self.current().is_some_and(|now| now.same(&secret)) {
            return false;
        }
        let secret = Some(Arc::new(secret));
        // Stored before it is replaced, so that it is recognized at any moment.
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
