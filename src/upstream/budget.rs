//! How many calls may be made: two token buckets, one of them reserved for known tokens.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::LONGEST_WAIT;
use super::call::Lane;
use super::pace::Pace;

/// The rates of the budget, in calls per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BudgetConfig {
    /// All calls together.
    pub(crate) total: u32,
    /// The part of it that unknown tokens may use; the rest is reserved for known ones.
    pub(crate) unknown: u32,
    /// Calls that may be made at once after a quiet time.
    pub(crate) burst: u32,
}

impl BudgetConfig {
    /// Calls per second to a production instance: Clerk allows 1 000 in 10 s, which all replicas
    /// share.
    pub(crate) const PRODUCTION: u32 = 80;
    /// Calls per second to a development instance: Clerk allows a tenth of that.
    pub(crate) const DEVELOPMENT: u32 = 8;

    /// Takes what is not given from the whole: three quarters of it for unknown tokens, and a burst
    /// of two and a half seconds of those.
    ///
    /// At Clerk's limit of ten seconds the worst that a process does then fits: the burst, ten
    /// seconds of both rates, and one second of the reserve saved up, 150 + 600 + 200 + 20 = 970.
    pub(crate) fn new(total: u32, unknown: Option<u32>, burst: Option<u32>) -> Self {
        let unknown = unknown.unwrap_or_else(|| (total.saturating_mul(3) / 4).max(1));
        let burst = burst.unwrap_or_else(|| (unknown.saturating_mul(5) / 2).max(1));
        Self {
            total,
            unknown,
            burst,
        }
    }
}

/// The budget of one authenticator.
#[derive(Debug)]
pub(super) struct Budget(Mutex<Buckets>);

#[derive(Debug)]
struct Buckets {
    shared: Bucket,
    reserved: Bucket,
    pace: Pace,
    filled_at: Duration,
}

impl Budget {
    pub(super) fn new(config: BudgetConfig, now: Duration) -> Self {
        let reserved = config.total.saturating_sub(config.unknown);
        Self(Mutex::new(Buckets {
            shared: Bucket::full(config.unknown, config.burst),
            reserved: Bucket::full(reserved, reserved),
            pace: Pace::full(now),
            filled_at: now,
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
        let pace = buckets.pace;
        let bucket = match lane {
            Lane::Unknown => &mut buckets.shared,
            Lane::Known => buckets.soonest(),
        };
        let wait = pace.wait(now, bucket.debt());
        if wait > longest {
            return Err(wait);
        }
        bucket.tokens -= 1.0;
        Ok(wait)
    }

    /// Slows down after a call that began at `asked` was one too many for Clerk, which wants none
    /// before `until`.
    ///
    /// What was saved up is void: it was earned at a rate that Clerk does not have.
    pub(super) fn throttled(&self, asked: Duration, now: Duration, until: Duration) {
        let mut buckets = self.lock(now);
        if buckets.pace.halve(asked, now, until) {
            buckets.shared.tokens = buckets.shared.tokens.min(0.0);
            buckets.reserved.tokens = buckets.reserved.tokens.min(0.0);
        }
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
        buckets.fill(now);
        buckets
    }
}

impl Buckets {
    fn fill(&mut self, now: Duration) {
        let worth = self.pace.worth(self.filled_at, now);
        let share = self.pace.share(now);
        self.shared.fill(worth, share);
        self.reserved.fill(worth, share);
        self.filled_at = self.filled_at.max(now);
    }

    /// Known tokens use what is reserved for them first, then whatever unknown ones leave.
    fn soonest(&mut self) -> &mut Bucket {
        if self.reserved.debt() <= self.shared.debt() {
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
}

impl Bucket {
    fn full(per_second: u32, burst: u32) -> Self {
        let most = if per_second == 0 {
            0.0
        } else {
            f64::from(burst.max(1))
        };
        Self {
            tokens: most,
            per_second: f64::from(per_second),
            most,
        }
    }

    /// Fills in what so many seconds at the full rate are worth; a slower pace saves up less.
    fn fill(&mut self, worth: f64, share: f64) {
        let most = (self.most * share).max(self.most.min(1.0));
        self.tokens = (self.tokens + worth * self.per_second).min(most);
    }

    /// Returns how much time at the full rate is missing to one more call, in seconds.
    fn debt(&self) -> f64 {
        let missing = 1.0 - self.tokens;
        if missing <= 0.0 {
            0.0
        } else {
            missing / self.per_second
        }
    }
}

#[cfg(test)]
mod tests;
