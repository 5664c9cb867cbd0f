//! Remembers answers in bounded space: good ones and bad ones apart, one question at a time.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;

use super::invalidation::{Epoch, Invalidations};
use super::key::{BuildKeyHasher, CacheKey};
use super::ttl::{Deadlines, Ttl};
use crate::clock::Clock;
use crate::error::{AuthError, Reason};
use crate::single_flight::{Flight, SingleFlight};
use crate::tasks::{NoRuntime, Tasks};

/// After a refresh ahead of need was begun, nobody begins another for this long.
const REFRESH_PAUSE: Duration = Duration::from_secs(5);

/// What a question ended with.
#[derive(Debug, Clone)]
pub(crate) enum Outcome<V> {
    /// A good answer.
    Valid(V),
    /// A definite no, for this token.
    Rejected(Reason),
    /// No answer: nothing is learnt, and nothing is remembered.
    Unavailable(AuthError),
}

/// What is remembered under a name.
#[derive(Debug)]
pub(crate) enum CacheState<V> {
    Fresh(V),
    /// Fresh still, and to be asked again before it is not.
    RefreshDue(V),
    /// To be used only if no answer can be had.
    Stale(V),
    Rejected(Reason),
    /// It was good, and something that touches it was invalidated since: to be asked again before it
    /// is used, as a known token's.
    Invalidated,
    Miss,
}

/// How urgently Clerk is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    /// About a token that nothing is known of: anybody can make these up.
    New,
    /// About such a token that was refused for want of budget, and has come back after a while.
    Returning,
    /// About a token that was good when Clerk was last asked.
    Revalidation,
}

/// Names by which a remembered answer can be forgotten, and what it takes of memory.
pub(crate) trait CacheValue {
    /// Returns the token's identifier and its subject.
    fn tags(&self) -> [&str; 2];

    /// Returns how many bytes of memory it refers to, beside its own.
    fn heap_size(&self) -> usize;
}

/// How much is remembered, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VerdictCacheConfig {
    pub(crate) ttl: Ttl,
    pub(crate) valid_capacity: u64,
    /// The most memory that good answers take, in bytes.
    pub(crate) valid_bytes: u64,
    pub(crate) rejected_capacity: u64,
}

/// Stands in moka's own allocation: behind a pointer of its own it would cost each hit one more
/// miss of the processor's cache.
#[derive(Debug, Clone)]
struct Entry<V> {
    value: V,
    epoch: Epoch,
    deadlines: Deadlines,
}

#[derive(Debug, Clone, Copy)]
struct Rejection {
    reason: Reason,
    epoch: Epoch,
    until: Duration,
}

/// A bounded memory of answers.
///
/// moka bounds the space and picks what to drop. Times are checked here, on the injected clock, at
/// every look: what moka still holds may be over.
pub(crate) struct VerdictCache<V> {
    valid: Cache<CacheKey, Entry<V>, BuildKeyHasher>,
    /// Until when no other refresh of an answer is begun.
    refreshing: Cache<CacheKey, Duration, BuildKeyHasher>,
    rejected: Cache<CacheKey, Rejection, BuildKeyHasher>,
    /// Held while an answer is recorded, so that good and bad ones are compared and kept as one.
    recording: Mutex<()>,
    /// A flight from before an invalidation is not joined: its answer may be what was to be forgotten.
    flights: SingleFlight<(CacheKey, Epoch), Outcome<V>>,
    invalidations: Arc<Invalidations>,
    ttl: Ttl,
    clock: Arc<dyn Clock>,
}

impl<V: Clone + CacheValue + Send + Sync + 'static> VerdictCache<V> {
    pub(crate) fn new(
        config: VerdictCacheConfig,
        invalidations: Arc<Invalidations>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let ttl = config.ttl;
        Self {
            valid: weighed(config.valid_capacity, config.valid_bytes, ttl.longest()),
            refreshing: cache(config.valid_capacity, REFRESH_PAUSE),
            rejected: cache(config.rejected_capacity, ttl.negative),
            recording: Mutex::default(),
            flights: SingleFlight::new(),
            invalidations,
            ttl,
            clock,
        }
    }

    /// Returns a good answer that is fresh and not due, and changes nothing.
    pub(crate) fn get_fresh(&self, key: &CacheKey, now: Duration) -> Option<V> {
        let Entry {
            value,
            epoch,
            deadlines,
        } = self.valid.get(key)?;
        let is_kept = now < deadlines.refresh_at
            && self.invalidations.is_current(epoch, key, || value.tags());
        is_kept.then_some(value)
    }

    /// Looks a name up; neither waits nor asks anybody.
    pub(crate) fn get(&self, key: &CacheKey, now: Duration) -> CacheState<V> {
        if let Some(entry) = self.valid.get(key) {
            if now < entry.deadlines.stale_until {
                let is_kept = self
                    .invalidations
                    .is_current(entry.epoch, key, || entry.value.tags());
                return match is_kept {
                    true => self.state(key, entry, now),
                    false => CacheState::Invalidated,
                };
            }
            self.valid.invalidate(key);
        }
        match self.rejected.get(key) {
            Some(bad)
                if now < bad.until
                    && self.invalidations.is_current(bad.epoch, key, || ["", ""]) =>
            {
                CacheState::Rejected(bad.reason)
            }
            _ => CacheState::Miss,
        }
    }

    /// Remembers a good answer that was found without asking.
    pub(crate) fn insert(&self, key: CacheKey, epoch: Epoch, asked_at: Duration, value: V) {
        let deadlines = self.ttl.deadlines(&key, asked_at);
        self.valid.insert(
            key,
            Entry {
                value,
                epoch,
                deadlines,
            },
        );
    }

    fn state(&self, key: &CacheKey, entry: Entry<V>, now: Duration) -> CacheState<V> {
        let Entry {
            value, deadlines, ..
        } = entry;
        if now >= deadlines.fresh_until {
            CacheState::Stale(value)
        } else if now >= deadlines.refresh_at && self.claim_refresh(key, now) {
            CacheState::RefreshDue(value)
        } else {
            CacheState::Fresh(value)
        }
    }

    /// Lets one caller through for each refresh that is due; should two come at the same moment,
    /// they share a flight.
    fn claim_refresh(&self, key: &CacheKey, now: Duration) -> bool {
        if self.refreshing.get(key).is_some_and(|until| now < until) {
            return false;
        }
        let until = now.saturating_add(REFRESH_PAUSE);
        self.refreshing.insert(*key, until);
        true
    }

    /// Asks, or joins whoever is asking already; the answer is remembered when it comes.
    pub(crate) fn fetch<F>(
        self: &Arc<Self>,
        key: CacheKey,
        priority: Priority,
        tasks: &Tasks,
        fetch: impl Fn(Priority) -> F + Send + Sync + 'static,
    ) -> Result<Flight<Outcome<V>>, NoRuntime>
    where
        F: Future<Output = Outcome<V>> + Send + 'static,
    {
        let epoch = self.invalidations.now();
        let cache = Arc::clone(self);
        self.flights.join((key, epoch), tasks, move || {
            let (cache, fetch) = (Arc::clone(&cache), fetch(priority));
            async move {
                let asked_at = cache.clock.monotonic();
                if priority == Priority::New
                    && let Some(outcome) = cache.already_fetched(&key, asked_at)
                {
                    return outcome;
                }
                let outcome = fetch.await;
                cache.record(key, epoch, asked_at, outcome)
            }
        })
    }

    /// Whoever asked before us may have landed between our look and our take-off.
    fn already_fetched(&self, key: &CacheKey, now: Duration) -> Option<Outcome<V>> {
        match self.get(key, now) {
            CacheState::Fresh(value) | CacheState::RefreshDue(value) => Some(Outcome::Valid(value)),
            CacheState::Rejected(reason) => Some(Outcome::Rejected(reason)),
            CacheState::Stale(_) | CacheState::Invalidated | CacheState::Miss => None,
        }
    }

    /// Remembers an answer, and returns the one that counts.
    ///
    /// Answers may come in another order than they were asked for. A definite no is not replaced
    /// by what was asked for before it, and a good answer not by an older one.
    fn record(
        &self,
        key: CacheKey,
        epoch: Epoch,
        asked_at: Duration,
        outcome: Outcome<V>,
    ) -> Outcome<V> {
        let _recording = self
            .recording
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let until = asked_at.saturating_add(self.ttl.negative);
        match &outcome {
            Outcome::Valid(value) => {
                if let Some(reason) = self.newer_rejection(&key, until) {
                    return Outcome::Rejected(reason);
                }
                if !self.holds_newer(&key, asked_at) {
                    self.insert(key, epoch, asked_at, value.clone());
                }
                self.rejected.invalidate(&key);
                self.refreshing.invalidate(&key);
            }
            Outcome::Rejected(reason) => {
                let reason = *reason;
                self.valid.invalidate(&key);
                self.rejected.insert(
                    key,
                    Rejection {
                        reason,
                        epoch,
                        until,
                    },
                );
            }
            Outcome::Unavailable(_) => {}
        }
        outcome
    }

    /// Returns why the token was refused by an answer that ends after `until`, if there is one.
    fn newer_rejection(&self, key: &CacheKey, until: Duration) -> Option<Reason> {
        let bad = self.rejected.get(key).filter(|bad| bad.until > until)?;
        let is_kept = self.invalidations.is_current(bad.epoch, key, || ["", ""]);
        is_kept.then_some(bad.reason)
    }

    fn holds_newer(&self, key: &CacheKey, asked_at: Duration) -> bool {
        // The windows of one name are always of the same length.
        let fresh_until = self.ttl.deadlines(key, asked_at).fresh_until;
        let held = self.valid.get(key);
        held.is_some_and(|held| held.deadlines.fresh_until > fresh_until)
    }

    pub(crate) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.invalidations.now()
    }

    /// Returns how many good and bad answers are held, those past their time included.
    pub(crate) fn len(&self) -> (u64, u64) {
        // moka counts when it does its housekeeping, which is due after many more writes than these.
        self.valid.run_pending_tasks();
        self.rejected.run_pending_tasks();
        (self.valid.entry_count(), self.rejected.entry_count())
    }
}

impl<V> fmt::Debug for VerdictCache<V> {
    /// Leaves the contents out: moka would print every entry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerdictCache")
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

/// What one entry takes of memory beside what its value refers to: the entry itself, moka's nodes
/// and its table. Measured as 300 (`cargo bench`, row *bytes for each remembered token*), and the
/// table may be emptier than it was then.
const ENTRY_SIZE: usize = 400;

/// Bounds the number of entries and their memory at once.
///
/// moka has one measure. Each entry weighs what it takes of memory, or its share of the budget if
/// that is more, so that neither too many nor too large ones fit.
fn weighed<V: Clone + CacheValue + Send + Sync + 'static>(
    capacity: u64,
    bytes: u64,
    life: Duration,
) -> Cache<CacheKey, Entry<V>, BuildKeyHasher> {
    // The weights have 32 bits.
    let bytes = bytes.min(capacity.saturating_mul(u64::from(u32::MAX)));
    let share = bytes.checked_div(capacity).unwrap_or_default();
    let share = u32::try_from(share).unwrap_or(u32::MAX);
    Cache::builder()
        .max_capacity(bytes)
        .weigher(move |_, entry: &Entry<V>| {
            let size = entry.value.heap_size().saturating_add(ENTRY_SIZE);
            u32::try_from(size).unwrap_or(u32::MAX).max(share)
        })
        .time_to_live(life)
        .build_with_hasher(BuildKeyHasher::default())
}

fn cache<T: Clone + Send + Sync + 'static>(
    capacity: u64,
    life: Duration,
) -> Cache<CacheKey, T, BuildKeyHasher> {
    Cache::builder()
        .max_capacity(capacity)
        .time_to_live(life)
        .build_with_hasher(BuildKeyHasher::default())
}

#[cfg(test)]
mod tests;
