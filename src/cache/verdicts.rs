//! Caches verdicts in bounded space, valid and rejected ones apart, with one flight per key.
//!
//! # Why moka's `sync` cache, and not `try_get_with`
//!
//! A cache hit must not await, and moka's `future::Cache::get` is an async function. moka's
//! `try_get_with` runs the fetch inside the task of the first caller: when that request is cancelled,
//! the next waiter starts the call to Clerk again from the beginning. [`SingleFlight`] runs each fetch
//! in a task of its own, which outlives the request that started it. A flight also belongs to an epoch,
//! so that a request that comes after an invalidation does not join a fetch that started before it.
//! `try_get_with` has no such notion.

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

/// The pause after a refresh has started, during which no other request starts one.
///
/// A verification takes at most 3 s by default. Within 5 s the first refresh has therefore finished,
/// and no two requests pay for the same refresh.
const REFRESH_PAUSE: Duration = Duration::from_secs(5);

/// The outcome of a verification.
#[derive(Debug, Clone)]
pub(crate) enum Outcome<V> {
    /// The token is valid.
    Valid(V),
    /// The token is rejected.
    Rejected(Reason),
    /// Clerk gave no verdict. Nothing is cached.
    Unavailable(AuthError),
}

/// Since when an answer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Since {
    /// The invalidations that there had been when Clerk was asked.
    pub(crate) epoch: Epoch,
    /// When Clerk was asked, on the monotonic clock.
    pub(crate) asked_at: Duration,
}

/// What came of fetching an answer.
#[derive(Debug)]
pub(crate) struct Fetched<V> {
    pub(crate) outcome: Outcome<V>,
    /// Since when it counts, if it is somebody else's answer; else since the fetch began.
    pub(crate) since: Option<Since>,
    /// An older answer of somebody else's, which counts while Clerk cannot be asked.
    pub(crate) stale: Option<(V, Since)>,
}

impl<V> From<Outcome<V>> for Fetched<V> {
    fn from(outcome: Outcome<V>) -> Self {
        Self {
            outcome,
            since: None,
            stale: None,
        }
    }
}

/// The state of a key in the cache.
#[derive(Debug)]
pub(crate) enum CacheState<V> {
    Fresh(V),
    /// Still fresh, but due for a refresh.
    RefreshDue(V),
    /// Expired; used only if the fetch fails.
    Stale(V),
    Rejected(Reason),
    /// The token was valid, and something that affects it was invalidated since. It has to be verified
    /// again before it is used, with the priority of a known token.
    Invalidated,
    Miss,
}

/// The priority of a call to Clerk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    /// For a token that nothing is known of. Anybody can make these up.
    New,
    /// For such a token that was refused by the budget and has been retried after a while.
    Returning,
    /// For a token that was valid at its last verification.
    Revalidation,
}

/// The tags by which a cached verdict can be invalidated, and its memory.
pub(crate) trait CacheValue {
    /// Returns the token's identifier and its subject.
    fn tags(&self) -> [&str; 2];

    /// Returns the heap memory of the value in bytes, without its own size.
    fn heap_size(&self) -> usize;

    /// Notes that it is used past its fresh time.
    fn mark_stale(&mut self) {}
}

/// The capacity of the cache, and its TTLs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VerdictCacheConfig {
    pub(crate) ttl: Ttl,
    pub(crate) valid_capacity: u64,
    /// The maximum memory for valid verdicts, in bytes.
    pub(crate) valid_bytes: u64,
    pub(crate) rejected_capacity: u64,
}

/// Stored inline in moka's own allocation. A pointer to it would cost each hit another miss of the
/// processor's cache.
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

/// A bounded cache of verdicts.
///
/// moka bounds the space and chooses what to evict. Deadlines are checked here, on the injected clock,
/// at every lookup: an entry that moka still holds may have expired.
pub(crate) struct VerdictCache<V> {
    valid: Cache<CacheKey, Entry<V>, BuildKeyHasher>,
    /// Until when no other refresh of a verdict is started.
    refreshing: Cache<CacheKey, Duration, BuildKeyHasher>,
    rejected: Cache<CacheKey, Rejection, BuildKeyHasher>,
    /// Held while a verdict is recorded, so that comparing it with the cached one and replacing that
    /// one is atomic.
    recording: Mutex<()>,
    /// A flight from before an invalidation is not joined: its verdict may be the invalidated one.
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

    /// Returns a valid verdict that is fresh and not due for a refresh. Has no side effects.
    pub(crate) fn get_fresh(&self, key: &CacheKey, now: Duration) -> Option<V> {
        let Entry {
            value,
            epoch,
            deadlines,
        } = self.valid.get(key)?;
        let is_kept = now < deadlines.refresh_at
            && self.invalidations.is_settled(epoch, key, || value.tags());
        is_kept.then_some(value)
    }

    /// Looks up a key, without waiting and without a call.
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

    /// Inserts a valid verdict that was found without a call.
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
            value,
            epoch,
            deadlines,
        } = entry;
        let is_due = now >= deadlines.refresh_at || self.invalidations.is_due(epoch);
        if now >= deadlines.fresh_until {
            CacheState::Stale(value)
        } else if is_due && self.claim_refresh(key, now) {
            CacheState::RefreshDue(value)
        } else {
            CacheState::Fresh(value)
        }
    }

    /// Returns `true` to one caller for each refresh that is due. Two callers at the same moment share
    /// a flight.
    fn claim_refresh(&self, key: &CacheKey, now: Duration) -> bool {
        if self.refreshing.get(key).is_some_and(|until| now < until) {
            return false;
        }
        let until = now.saturating_add(REFRESH_PAUSE);
        self.refreshing.insert(*key, until);
        true
    }

    /// Starts a fetch, or joins the one in flight. The verdict is cached when it arrives.
    pub(crate) fn fetch<F>(
        self: &Arc<Self>,
        key: CacheKey,
        priority: Priority,
        tasks: &Tasks,
        fetch: impl Fn(Priority) -> F + Send + Sync + 'static,
    ) -> Result<Flight<Outcome<V>>, NoRuntime>
    where
        F: Future<Output: Into<Fetched<V>>> + Send + 'static,
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
                let fetched = fetch.await.into();
                cache.record(key, Since { epoch, asked_at }, fetched)
            }
        })
    }

    /// Another flight may have finished between our lookup and now.
    fn already_fetched(&self, key: &CacheKey, now: Duration) -> Option<Outcome<V>> {
        match self.get(key, now) {
            CacheState::Fresh(value) | CacheState::RefreshDue(value) => Some(Outcome::Valid(value)),
            CacheState::Rejected(reason) => Some(Outcome::Rejected(reason)),
            CacheState::Stale(_) | CacheState::Invalidated | CacheState::Miss => None,
        }
    }

    /// Caches a verdict, and returns the one that counts.
    ///
    /// Verdicts may arrive in a different order than they were requested. A verdict that was requested
    /// before a cached rejection does not replace it, and neither does an older valid verdict replace a
    /// newer one.
    /// by what was asked for before it, and a good answer not by an older one.
    fn record(&self, key: CacheKey, here: Since, fetched: Fetched<V>) -> Outcome<V> {
        let _recording = self
            .recording
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Since { epoch, asked_at } = fetched.since.unwrap_or(here);
        let until = asked_at.saturating_add(self.ttl.negative);
        match &fetched.outcome {
            Outcome::Valid(value) => {
                if let Some(reason) = self.newer_rejection(&key, until) {
                    return Outcome::Rejected(reason);
                }
                self.insert_newer(key, Since { epoch, asked_at }, value.clone());
                self.rejected.invalidate(&key);
                self.refreshing.invalidate(&key);
            }
            Outcome::Rejected(reason) => {
                let reason = *reason;
                if fetched.since.is_none() && self.valid.contains_key(&key) {
                    self.invalidations.found_bad(key);
                }
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
            Outcome::Unavailable(_) => {
                if let Some((value, since)) = fetched.stale {
                    self.insert_newer(key, since, value);
                }
            }
        }
        fetched.outcome
    }

    fn insert_newer(&self, key: CacheKey, since: Since, value: V) {
        if !self.holds_newer(&key, since.asked_at) {
            self.insert(key, since.epoch, since.asked_at, value);
        }
    }

    /// Returns the reason of a cached rejection that expires after `until`, if there is one.
    fn newer_rejection(&self, key: &CacheKey, until: Duration) -> Option<Reason> {
        let bad = self.rejected.get(key).filter(|bad| bad.until > until)?;
        let is_kept = self.invalidations.is_current(bad.epoch, key, || ["", ""]);
        is_kept.then_some(bad.reason)
    }

    fn holds_newer(&self, key: &CacheKey, asked_at: Duration) -> bool {
        // The TTLs of one key are always the same, so deadlines compare like request times.
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

    /// Returns the number of valid and rejected verdicts in the cache, including expired ones.
    pub(crate) fn len(&self) -> (u64, u64) {
        // moka updates its counts during housekeeping, which is due only after many more writes than
        // these.
        self.valid.run_pending_tasks();
        self.rejected.run_pending_tasks();
        (self.valid.entry_count(), self.rejected.entry_count())
    }
}

impl<V> fmt::Debug for VerdictCache<V> {
    /// Omits the contents: moka would print every entry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerdictCache")
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

/// The memory of an entry apart from what its value refers to: the entry itself, and moka's nodes and
/// table. Measured as 300 bytes (`cargo bench`, row *bytes for each remembered token*). The table may
/// be emptier than it was in that measurement, hence the margin.
const ENTRY_SIZE: usize = 400;

/// Bounds the number of entries and their memory at once.
///
/// moka has a single weight. Each entry weighs its memory in bytes, or its share of the budget if that
/// is more, so that neither too many nor too large entries fit.
fn weighed<V: Clone + CacheValue + Send + Sync + 'static>(
    capacity: u64,
    bytes: u64,
    life: Duration,
) -> Cache<CacheKey, Entry<V>, BuildKeyHasher> {
    // moka's weights have 32 bits.
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
