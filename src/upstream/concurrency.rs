//! The number of calls in flight, with slots that unknown tokens cannot use.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::cache::Priority;

/// The divisor for the slots that only known tokens may use: a quarter, like the part of the call
/// budget.
const RESERVED: usize = 4;

/// The slots.
#[derive(Debug)]
pub(super) struct ConcurrencyLimit {
    all: Arc<Semaphore>,
    /// The slots that unknown tokens may use.
    unknown: Arc<Semaphore>,
}

/// A slot that is in use until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    _of_all: OwnedSemaphorePermit,
    _of_unknown: Option<OwnedSemaphorePermit>,
}

impl ConcurrencyLimit {
    pub(super) fn new(count: usize) -> Self {
        let count = count.min(Semaphore::MAX_PERMITS);
        Self {
            all: Arc::new(Semaphore::new(count)),
            unknown: Arc::new(Semaphore::new(count.saturating_sub(count / RESERVED))),
        }
    }

    /// Waits for a slot. Returns `None` if none becomes free within `patience`.
    pub(super) async fn take(&self, priority: Priority, patience: Duration) -> Option<Slot> {
        timeout(patience, self.next(priority)).await.ok().flatten()
    }

    async fn next(&self, priority: Priority) -> Option<Slot> {
        let of_unknown = match priority {
            Priority::Revalidation => None,
            Priority::New | Priority::Returning => {
                Some(Arc::clone(&self.unknown).acquire_owned().await.ok()?)
            }
        };
        let of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Slot {
            _of_all: of_all,
            _of_unknown: of_unknown,
        })
    }

    pub(super) fn free(&self) -> usize {
        self.all.available_permits()
    }
}
