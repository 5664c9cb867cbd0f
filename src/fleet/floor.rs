//! The part of the call budget that the store cannot take away.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The part of the budget that is not shared through the store but divided among the members: an
/// eighth.
pub(super) const FLOOR: f64 = 0.125;

/// With more members than this their parts would not add up to it: each has a whole call to begin
/// with.
const MEMBERS: usize = 100;

/// A store that grants nothing for this long, while the replicas together make less than half of
/// the calls that they may, is lying.
const STARVED: Duration = Duration::from_secs(2);
const DISTRUST: Duration = Duration::from_secs(30);

/// The time over which the calls of all members are counted: two of their beats.
const COUNTED: Duration = Duration::from_secs(10);

/// Calls that a replica makes without asking the store, and its watch over what the store grants.
#[derive(Debug)]
pub(super) struct Floor {
    bucket: Mutex<Bucket>,
    /// For calls that the store was too slow to grant.
    late: Mutex<(f64, Duration)>,
    calls: AtomicU64,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Duration,
    /// Since when the store has refused whatever was asked.
    starved_since: Option<Duration>,
    distrusted_until: Duration,
    /// How many calls all members had made by some time, and then.
    seen_calls: (u64, Duration),
    /// How many of them come in each second.
    rate: f64,
}

impl Floor {
    pub(super) const fn new(now: Duration) -> Self {
        Self {
            bucket: Mutex::new(Bucket {
                tokens: 1.0,
                filled: now,
                starved_since: None,
                distrusted_until: Duration::ZERO,
                seen_calls: (0, now),
                rate: 0.0,
            }),
            late: Mutex::new((1.0, now)),
            calls: AtomicU64::new(0),
        }
    }

    /// Takes leave for one call that the store was too slow to grant: from an even share of the whole,
    /// since all members may find it slow at once.
    pub(super) fn take_late(&self, total: f64, members: usize, now: Duration) -> bool {
        let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, filled) = *late;
        let passed = now.saturating_sub(filled).as_secs_f64();
        let share = total / members.max(1) as f64;
        let tokens = (tokens + passed * share).min(share.max(1.0));
        let has_some = tokens >= 1.0;
        *late = (
            if has_some { tokens - 1.0 } else { tokens },
            filled.max(now),
        );
        has_some
    }

    /// Takes leave for one call of this replica's own part.
    pub(super) fn take(&self, total: f64, members: usize, now: Duration) -> bool {
        if members > MEMBERS {
            return false;
        }
        let mut bucket = self.lock();
        let passed = now.saturating_sub(bucket.filled).as_secs_f64();
        let rate = total * FLOOR / members.max(1) as f64;
        bucket.tokens = (bucket.tokens + passed * rate).min(1.0);
        bucket.filled = bucket.filled.max(now);
        let has_some = bucket.tokens >= 1.0;
        if has_some {
            bucket.tokens -= 1.0;
        }
        has_some
    }

    /// Notes a call to Clerk.
    pub(super) fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Notes how many calls all members have made; they say so every few seconds.
    pub(super) fn watch(&self, calls: u64, now: Duration) {
        let mut bucket = self.lock();
        let (before, since) = bucket.seen_calls;
        let passed = now.saturating_sub(since);
        if passed >= COUNTED {
            bucket.rate = calls.saturating_sub(before) as f64 / passed.as_secs_f64();
            bucket.seen_calls = (calls, now);
        }
    }

    pub(super) fn granted(&self) {
        self.lock().starved_since = None;
    }

    /// Notes that the store has refused a call, of a budget of `total` in each second.
    pub(super) fn starved(&self, total: f64, now: Duration) {
        let mut bucket = self.lock();
        let since = *bucket.starved_since.get_or_insert(now);
        if now.saturating_sub(since) >= STARVED && bucket.rate < total / 2.0 {
            bucket.distrusted_until = now.saturating_add(DISTRUST);
            bucket.starved_since = None;
        }
    }

    /// Returns `true` while what the store says of the budget does not count.
    pub(super) fn is_distrusted(&self, now: Duration) -> bool {
        now < self.lock().distrusted_until
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn rule_24_the_floors_of_all_members_add_up_to_an_eighth() {
        for members in [1_usize, 2, 10, 50, 100] {
            let floors: Vec<_> = (0..members).map(|_| Floor::new(SECOND)).collect();
            let taken = (0..10_000).map(|n| {
                let now = SECOND + SECOND.mul_f64(f64::from(n) / 1_000.0);
                floors
                    .iter()
                    .filter(|floor| floor.take(80.0, members, now))
                    .count()
            });
            let taken: usize = taken.sum();
            assert!((90..=100 + members).contains(&taken), "{members}: {taken}");
        }
        assert!(!Floor::new(SECOND).take(80.0, 101, SECOND));
    }

    #[test]
    fn rule_24_a_store_that_grants_nothing_to_anybody_is_not_asked_for_a_while() {
        let floor = Floor::new(Duration::ZERO);
        floor.starved(80.0, SECOND);
        floor.starved(80.0, SECOND * 2);
        assert!(!floor.is_distrusted(SECOND * 2));
        floor.granted();
        floor.starved(80.0, SECOND * 3);
        floor.starved(80.0, SECOND * 5);
        assert!(floor.is_distrusted(SECOND * 5) && !floor.is_distrusted(SECOND * 35));
    }

    #[test]
    fn rule_24_a_budget_that_others_use_up_is_not_a_lie() {
        let floor = Floor::new(Duration::ZERO);
        floor.watch(700, SECOND * 10);
        floor.starved(80.0, SECOND * 11);
        floor.starved(80.0, SECOND * 14);
        assert!(!floor.is_distrusted(SECOND * 14));
    }
}
