//! Remembers answers in bounded space: good ones and bad ones apart, one question at a time.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;

use super::key::{BuildKeyHasher, CacheKey};
use super::marks::{Epoch, Marks};
use super::windows::{Ends, Windows};
use crate::clock::Clock;
use crate::error::{AuthError, Reason};
use crate::flights::{Flights, Waiter};
use crate::tasks::{NoRuntime, Tasks};

/// After a refresh ahead of need was begun, nobody begins another for this long.
const REFRESH_PAUSE: Duration = Duration::from_secs(5);

/// What a question ended with.
#[derive(Debug, Clone)]
pub(crate) enum Outcome<V> {
    /// A good answer.
    Good(V),
    /// A definite no, for this token.
    Bad(Reason),
    /// No answer: nothing is learnt, and nothing is remembered.
    Unavailable(AuthError),
}

/// What is remembered under a name.
#[derive(Debug)]
pub(crate) enum Found<V> {
    Fresh(V),
    /// Fresh still, and to be asked again before it is not.
    Due(V),
    /// To be used only if no answer can be had.
    Stale(V),
    Bad(Reason),
    /// It was good, and something that touches it was invalidated since: to be asked again before it
    /// is used, as a known token's.
    Invalidated,
    Nothing,
}

/// Why a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Nothing is known.
    Unknown,
    /// What is known is over, or will be soon.
    Renewal,
}

/// Names by which a remembered answer can be forgotten, and what it takes of memory.
pub(crate) trait Named {
    /// Returns the token's identifier and its subject.
    fn names(&self) -> [&str; 2];

    /// Returns how many bytes of memory it refers to, beside its own.
    fn heap_size(&self) -> usize;
}

/// How much is remembered, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MemoConfig {
    pub(crate) windows: Windows,
    pub(crate) good_capacity: u64,
    /// The most memory that good answers take, in bytes.
    pub(crate) good_bytes: u64,
    pub(crate) bad_capacity: u64,
}

/// Stands in moka's own allocation: behind a pointer of its own it would cost each hit one more
/// miss of the processor's cache.
#[derive(Debug, Clone)]
struct Entry<V> {
    value: V,
    began: Epoch,
    ends: Ends,
}

#[derive(Debug, Clone, Copy)]
struct Bad {
    reason: Reason,
    began: Epoch,
    until: Duration,
}

/// A bounded memory of answers.
///
/// moka bounds the space and picks what to drop. Times are checked here, on the injected clock, at
/// every look: what moka still holds may be over.
pub(crate) struct Memo<V> {
    good: Cache<CacheKey, Entry<V>, BuildKeyHasher>,
    /// Until when no other refresh of an answer is begun.
    refreshing: Cache<CacheKey, Duration, BuildKeyHasher>,
    bad: Cache<CacheKey, Bad, BuildKeyHasher>,
    /// Held while an answer is recorded, so that good and bad ones are compared and kept as one.
    recording: Mutex<()>,
    /// A flight from before an invalidation is not joined: its answer may be what was to be forgotten.
    flights: Flights<(CacheKey, Epoch), Outcome<V>>,
    marks: Arc<Marks>,
    windows: Windows,
    clock: Arc<dyn Clock>,
}

impl<V: Clone + Named + Send + Sync + 'static> Memo<V> {
    pub(crate) fn new(config: MemoConfig, marks: Arc<Marks>, clock: Arc<dyn Clock>) -> Self {
        let windows = config.windows;
        Self {
            good: weighed(config.good_capacity, config.good_bytes, windows.longest()),
            refreshing: cache(config.good_capacity, REFRESH_PAUSE),
            bad: cache(config.bad_capacity, windows.negative),
            recording: Mutex::default(),
            flights: Flights::new(),
            marks,
            windows,
            clock,
        }
    }

    /// Returns a good answer that is fresh and not due, and changes nothing.
    pub(crate) fn recall(&self, key: &CacheKey, now: Duration) -> Option<V> {
        let Entry { value, began, ends } = self.good.get(key)?;
        let is_kept = now < ends.refresh_at && self.marks.keeps(began, key, || value.names());
        is_kept.then_some(value)
    }

    /// Looks a name up; neither waits nor asks anybody.
    pub(crate) fn look(&self, key: &CacheKey, now: Duration) -> Found<V> {
        if let Some(entry) = self.good.get(key) {
            if now < entry.ends.stale_until {
                let is_kept = self.marks.keeps(entry.began, key, || entry.value.names());
                return match is_kept {
                    true => self.state(key, entry, now),
                    false => Found::Invalidated,
                };
            }
            self.good.invalidate(key);
        }
        match self.bad.get(key) {
            Some(bad) if now < bad.until && self.marks.keeps(bad.began, key, || ["", ""]) => {
                Found::Bad(bad.reason)
            }
            _ => Found::Nothing,
        }
    }

    /// Remembers a good answer that was found without asking.
    pub(crate) fn remember(&self, key: CacheKey, began: Epoch, asked: Duration, value: V) {
        let ends = self.windows.ends(&key, asked);
        self.good.insert(key, Entry { value, began, ends });
    }

    fn state(&self, key: &CacheKey, entry: Entry<V>, now: Duration) -> Found<V> {
        let Entry { value, ends, .. } = entry;
        if now >= ends.fresh_until {
            Found::Stale(value)
        } else if now >= ends.refresh_at && self.takes_refresh(key, now) {
            Found::Due(value)
        } else {
            Found::Fresh(value)
        }
    }

    /// Lets one caller through for each refresh that is due; should two come at the same moment,
    /// they share a flight.
    fn takes_refresh(&self, key: &CacheKey, now: Duration) -> bool {
        if self.refreshing.get(key).is_some_and(|until| now < until) {
            return false;
        }
        let until = now.saturating_add(REFRESH_PAUSE);
        self.refreshing.insert(*key, until);
        true
    }

    /// Asks, or joins whoever is asking already; the answer is remembered when it comes.
    pub(crate) fn ask<F>(
        self: &Arc<Self>,
        key: CacheKey,
        why: Why,
        tasks: &Tasks,
        question: impl Fn(Why) -> F + Send + Sync + 'static,
    ) -> Result<Waiter<Outcome<V>>, NoRuntime>
    where
        F: Future<Output = Outcome<V>> + Send + 'static,
    {
        let began = self.marks.now();
        let memo = Arc::clone(self);
        self.flights.join((key, began), tasks, move || {
            let (memo, question) = (Arc::clone(&memo), question(why));
            async move {
                let asked = memo.clock.monotonic();
                if why == Why::Unknown
                    && let Some(outcome) = memo.landed_before(&key, asked)
                {
                    return outcome;
                }
                let outcome = question.await;
                memo.record(key, began, asked, outcome)
            }
        })
    }

    /// Whoever asked before us may have landed between our look and our take-off.
    fn landed_before(&self, key: &CacheKey, now: Duration) -> Option<Outcome<V>> {
        match self.look(key, now) {
            Found::Fresh(value) | Found::Due(value) => Some(Outcome::Good(value)),
            Found::Bad(reason) => Some(Outcome::Bad(reason)),
            Found::Stale(_) | Found::Invalidated | Found::Nothing => None,
        }
    }

    /// Remembers an answer, and returns the one that counts.
    ///
    /// Answers may come in another order than they were asked for. A definite no is not replaced
    /// by what was asked for before it, and a good answer not by an older one.
    fn record(
        &self,
        key: CacheKey,
        began: Epoch,
        asked: Duration,
        outcome: Outcome<V>,
    ) -> Outcome<V> {
        let _recording = self
            .recording
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let until = asked.saturating_add(self.windows.negative);
        match &outcome {
            Outcome::Good(value) => {
                if let Some(reason) = self.newer_no(&key, until) {
                    return Outcome::Bad(reason);
                }
                if !self.holds_newer(&key, asked) {
                    self.remember(key, began, asked, value.clone());
                }
                self.bad.invalidate(&key);
                self.refreshing.invalidate(&key);
            }
            Outcome::Bad(reason) => {
                let reason = *reason;
                self.good.invalidate(&key);
                self.bad.insert(
                    key,
                    Bad {
                        reason,
                        began,
                        until,
                    },
                );
            }
            Outcome::Unavailable(_) => {}
        }
        outcome
    }

    /// Returns why the token was refused by an answer that ends after `until`, if there is one.
    fn newer_no(&self, key: &CacheKey, until: Duration) -> Option<Reason> {
        let bad = self.bad.get(key).filter(|bad| bad.until > until)?;
        let is_kept = self.marks.keeps(bad.began, key, || ["", ""]);
        is_kept.then_some(bad.reason)
    }

    fn holds_newer(&self, key: &CacheKey, asked: Duration) -> bool {
        // The windows of one name are always of the same length.
        let fresh_until = self.windows.ends(key, asked).fresh_until;
        let held = self.good.get(key);
        held.is_some_and(|held| held.ends.fresh_until > fresh_until)
    }

    pub(crate) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.marks.now()
    }

    /// Returns how many good and bad answers are held, those past their time included.
    pub(crate) fn len(&self) -> (u64, u64) {
        // moka counts when it does its housekeeping, which is due after many more writes than these.
        self.good.run_pending_tasks();
        self.bad.run_pending_tasks();
        (self.good.entry_count(), self.bad.entry_count())
    }
}

impl<V> fmt::Debug for Memo<V> {
    /// Leaves the contents out: moka would print every entry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo")
            .field("windows", &self.windows)
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
fn weighed<V: Clone + Named + Send + Sync + 'static>(
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
