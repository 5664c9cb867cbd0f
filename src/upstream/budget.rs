//! How many calls may be made: two token buckets, one of them reserved for known tokens.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{LONGEST_WAIT, Lane};

/// The rates of the budget, in calls per second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BudgetConfig {
    /// All calls together.
    pub(crate) total: u32,
    /// The part of it that unknown tokens may use; the rest is reserved for known ones.
    pub(crate) unknown: u32,
    /// Calls that may be made at once after a quiet time.
    pub(crate) burst: u32,
}

/// The budget of one authenticator.
#[derive(Debug)]
pub(super) struct Budget(Mutex<Buckets>);

#[derive(Debug)]
struct Buckets {
    shared: Bucket,
    reserved: Bucket,
}

impl Budget {
    pub(super) fn new(config: BudgetConfig, now: Duration) -> Self {
        let reserved = config.total.saturating_sub(config.unknown);
        Self(Mutex::new(Buckets {
            shared: Bucket::full(config.unknown, config.burst, now),
            reserved: Bucket::full(reserved, reserved, now),
        }))
    }

    /// Takes leave for one call; returns how long to wait before it may be made.
    ///
    /// A wait is a debt that the next callers see, so that those who wait are served in turn and
    /// nobody has to try again. The error is how long it would have been.
    pub(super) fn take(&self, lane: Lane, now: Duration) -> Result<Duration, Duration> {
        self.take_within(lane, now, LONGEST_WAIT)
    }

    /// Takes leave for one call that may be made at once.
    pub(super) fn take_at_once(&self, lane: Lane, now: Duration) -> bool {
        self.take_within(lane, now, Duration::ZERO).is_ok()
    }

    fn take_within(
        &self,
        lane: Lane,
        now: Duration,
        longest: Duration,
    ) -> Result<Duration, Duration> {
        let mut buckets = self.lock(now);
        let bucket = match lane {
            Lane::Unknown => &mut buckets.shared,
            Lane::Known => buckets.soonest(),
        };
        let wait = bucket.wait();
        if wait > longest {
            return Err(wait);
        }
        bucket.tokens -= 1.0;
        Ok(wait)
    }

    pub(super) fn left(&self, now: Duration) -> (u32, u32) {
        let buckets = self.lock(now);
        let whole = |tokens: f64| tokens.max(0.0) as u32;
        (
            whole(buckets.shared.tokens),
            whole(buckets.shared.tokens.max(0.0) + buckets.reserved.tokens),
        )
    }

    fn lock(&self, now: Duration) -> MutexGuard<'_, Buckets> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.shared.fill(now);
        buckets.reserved.fill(now);
        buckets
    }
}

impl Buckets {
    /// Known tokens use what is reserved for them first, then whatever unknown ones leave.
    fn soonest(&mut self) -> &mut Bucket {
        if self.reserved.wait() <= self.shared.wait() {
            &mut self.reserved
        } else {
            &mut self.shared
        }
    }
}

/// A token bucket that may be in debt.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    per_second: f64,
    most: f64,
    filled_at: Duration,
}

impl Bucket {
    fn full(per_second: u32, burst: u32, now: Duration) -> Self {
        let most = if per_second == 0 {
            0.0
        } else {
            f64::from(burst.max(1))
        };
        Self {
            tokens: most,
            per_second: f64::from(per_second),
            most,
            filled_at: now,
        }
    }

    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.most);
        self.filled_at = self.filled_at.max(now);
    }

    /// How long until one more call may be made.
    fn wait(&self) -> Duration {
        let missing = 1.0 - self.tokens;
        if missing <= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(missing / self.per_second).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: BudgetConfig = BudgetConfig {
        total: 80,
        unknown: 60,
        burst: 300,
    };

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Counts how many of `tries` are let through in each of ten seconds.
    fn let_through(budget: &Budget, lane: Lane, second: u64, tries: u64) -> usize {
        (0..tries)
            .filter(|n| {
                budget
                    .take(lane, at(second * 1000 + n * 1000 / tries))
                    .is_ok()
            })
            .count()
    }

    #[test]
    fn rule_12_unknown_tokens_use_their_part_and_no_more() {
        let budget = Budget::new(CONFIG, at(0));
        assert!((300..=366).contains(&let_through(&budget, Lane::Unknown, 0, 10_000)));
        for second in 1..60 {
            let through = let_through(&budget, Lane::Unknown, second, 10_000);
            assert!((59..=61).contains(&through), "{through} in second {second}");
        }
    }

    #[test]
    fn rule_12_known_tokens_keep_their_part_under_a_flood() {
        let budget = Budget::new(CONFIG, at(0));
        for second in 0..10 {
            let_through(&budget, Lane::Unknown, second, 10_000);
            let known = let_through(&budget, Lane::Known, second, 20);
            assert_eq!(known, 20, "in second {second}");
        }
    }

    #[test]
    fn rule_12_known_tokens_use_what_unknown_ones_leave() {
        let budget = Budget::new(CONFIG, at(0));
        let_through(&budget, Lane::Known, 0, 1_000);
        for second in 1..10 {
            let through = let_through(&budget, Lane::Known, second, 1_000);
            assert!((78..=82).contains(&through), "{through} in second {second}");
        }
    }

    #[test]
    fn rule_12_nobody_waits_longer_than_a_tenth_of_a_second() {
        let budget = Budget::new(CONFIG, at(0));
        let waits: Vec<_> = (0..400)
            .map(|_| budget.take(Lane::Unknown, at(0)))
            .collect();
        let granted: Vec<_> = waits.iter().filter_map(|wait| wait.ok()).collect();
        assert_eq!(granted.len(), 306);
        assert!(granted.iter().all(|wait| *wait <= LONGEST_WAIT));
        assert!(
            waits
                .iter()
                .all(|wait| wait.is_ok_and(|w| w <= LONGEST_WAIT) || wait.is_err())
        );
        assert!(!budget.take_at_once(Lane::Unknown, at(0)));
        assert!(budget.take_at_once(Lane::Known, at(0)));
    }

    #[test]
    fn rule_12_a_budget_of_nothing_lets_nothing_through() {
        let none = BudgetConfig {
            total: 0,
            unknown: 0,
            burst: 10,
        };
        let budget = Budget::new(none, at(0));
        assert!(budget.take(Lane::Unknown, at(0)).is_err());
        assert!(budget.take(Lane::Known, at(5_000)).is_err());
    }
}
