//! Calls to Clerk out of the budget of the whole fleet.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::floor::FLOOR;
use super::replica::{PATIENCE, Replica, within};
use super::status::count;
use super::store::{Bucket, Taken};

/// The part of the burst that is in the store. Fifty replicas at the defaults then stay within Clerk's
/// limit of ten seconds: 75 + 500, 20 + 200, and 50 + 100 of their own parts, are 945.
const SHARED_BURST: f64 = 0.5;

/// What the fleet says to one more call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// It may be made after this wait.
    Granted(Duration),
    /// It may not; this is how long it would have to wait.
    Refused(Duration),
    /// The fleet says nothing: this replica has its own share, see [`Replica::share`].
    Alone,
}

impl Replica {
    /// Takes leave for one call; `patience` is what is left of the time for the store.
    ///
    /// Seven eighths of the budget are in the store, for whichever replica needs it; what is left
    /// of it is divided among the members, and the store has no say in it.
    pub(crate) async fn take(&self, is_known: bool, patience: Duration) -> Share {
        let now = self.now();
        let is_shared = self.is_together() && !self.floor.is_distrusted(now);
        let Some(keys) = self.keys().filter(|_| is_shared) else {
            return Share::Alone;
        };
        if patience.is_zero() {
            return self.late();
        }
        let budget = self.parts.budget;
        let shared = budget.total * (1.0 - FLOOR);
        let reserved = (budget.total - budget.unknown).max(0.0);
        let rest = (shared - reserved).max(0.0);
        let (known, unknown) = (keys.single("known"), keys.single("unknown"));
        let buckets = [
            Bucket {
                name: &known,
                per_second: reserved,
                burst: reserved,
            },
            Bucket {
                name: &unknown,
                per_second: rest,
                burst: budget.burst * SHARED_BURST,
            },
        ];
        let own = if is_known {
            &buckets[..]
        } else {
            &buckets[1..]
        };
        match within(patience.min(PATIENCE), self.parts.store.take(own)).await {
            Ok(Taken::Granted(wait)) => {
                self.status.worked();
                self.floor.granted();
                Share::Granted(wait)
            }
            Ok(Taken::Over(wait)) => self.refused(wait),
            Err(_) => {
                self.status.failed();
                self.late()
            }
        }
    }

    /// Decides on a call that the store was too slow for.
    fn late(&self) -> Share {
        let total = self.parts.budget.total;
        if self.floor.take_late(total, self.members(), self.now()) {
            return Share::Granted(Duration::ZERO);
        }
        count(&self.status.counts.refused);
        Share::Refused(PATIENCE)
    }

    fn refused(&self, wait: Duration) -> Share {
        let now = self.now();
        let total = self.parts.budget.total;
        self.status.worked();
        self.floor.starved(total, now);
        if self.take_own() {
            return Share::Granted(Duration::ZERO);
        }
        count(&self.status.counts.refused);
        Share::Refused(wait)
    }

    /// Takes leave for one call from this replica's own part of the budget.
    pub(crate) fn take_own(&self) -> bool {
        let total = self.parts.budget.total;
        self.floor.take(total, self.members(), self.now())
    }

    /// Returns the share of the whole budget that this replica may use without asking: all of it
    /// while calls are granted by the fleet, its part of it otherwise.
    pub(crate) fn share(&self) -> f64 {
        let now = self.now();
        if self.is_together() && !self.floor.is_distrusted(now) {
            return 1.0;
        }
        1.0 / self.members().max(1) as f64
    }

    /// Notes that Clerk is called.
    pub(crate) fn called(&self) {
        self.floor.called();
    }

    pub(super) fn note_alone(&self) {
        self.status.counts.alone.fetch_add(1, Ordering::Relaxed);
    }
}
