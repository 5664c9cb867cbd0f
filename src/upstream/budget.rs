//! The call budget: token buckets, with one reserved for known tokens and one for unknown tokens that
//! are retried.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::LONGEST_WAIT;
use super::aimd::Aimd;
use crate::cache::Priority;

/// The rates of the budget, in calls per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BudgetConfig {
    /// All calls together.
    pub(crate) total: u32,
    /// The part that unknown tokens may use. The rest is reserved for known ones.
    pub(crate) unknown: u32,
    /// Calls that may be made at once after an idle time.
    pub(crate) burst: u32,
}

impl BudgetConfig {
    /// Calls per second to a production instance. Clerk allows 1 000 in 10 s, which all replicas share.
    pub(crate) const PRODUCTION: u32 = 80;
    /// Calls per second to a development instance. Clerk allows a tenth of the production limit.
    pub(crate) const DEVELOPMENT: u32 = 8;

    /// Derives what is not given from the total: three quarters of it for unknown tokens, and a burst
    /// of two and a half seconds of those.
    ///
    /// The worst case of a process then fits Clerk's limit per ten seconds. It consists of the burst,
    /// ten seconds of all rates, one second saved up of each of the two reserves, and a tenth of a
    /// second of debt: 150 + 800 + 20 + 15 + 8 = 993.
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
    /// For all unknown tokens. Known ones use what is left of it.
    shared: Bucket,
    /// For unknown tokens that are retried. What is not used flows into `shared`.
    returning: Bucket,
    /// For known tokens.
    reserved: Bucket,
    aimd: Aimd,
    /// The part of the budget that is this replica's.
    share: f64,
    filled_at: Duration,
}

/// The part of the unknown tokens' rate that is reserved for retried ones: a quarter, like the part of
/// the total that is reserved for known tokens.
const RETURNING: f64 = 0.25;

impl Budget {
    pub(super) fn new(config: BudgetConfig, now: Duration) -> Self {
        let (total, unknown) = (f64::from(config.total), f64::from(config.unknown));
        let (reserved, returning) = ((total - unknown).max(0.0), unknown * RETURNING);
        Self(Mutex::new(Buckets {
            shared: Bucket::full(unknown - returning, config.burst.into()),
            returning: Bucket::full(returning, returning),
            reserved: Bucket::full(reserved, reserved),
            aimd: Aimd::full(now),
            share: 1.0,
            filled_at: now,
        }))
    }

    /// Uses this part of the budget only; the rest is for other replicas.
    pub(super) fn set_share(&self, share: f64) {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.share = share.clamp(1e-3, 1.0);
    }

    /// Charges the budget for one call. Returns how long to wait before the call may be made.
    ///
    /// A wait is a debt that later callers see. Waiting calls are therefore served in turn, and none of
    /// them has to try again. The error is the time that the wait would have taken.
    pub(super) fn take(&self, priority: Priority, now: Duration) -> Result<Duration, Duration> {
        self.take_within(priority, now, LONGEST_WAIT)
    }

    /// Returns `true` and charges the budget if a call may be made immediately.
    pub(super) fn take_at_once(&self, priority: Priority, now: Duration) -> bool {
        self.take_within(priority, now, Duration::ZERO).is_ok()
    }

    fn take_within(
        &self,
        priority: Priority,
        now: Duration,
        longest: Duration,
    ) -> Result<Duration, Duration> {
        let mut buckets = self.lock(now);
        let (aimd, share) = (buckets.aimd, buckets.share);
        let (bucket, debt) = buckets.soonest(priority);
        let wait = aimd.wait(now, debt / share);
        if wait > longest {
            return Err(wait);
        }
        bucket.tokens -= 1.0;
        Ok(wait)
    }

    /// Slows down after a 429 for a call that started at `asked`. Clerk accepts no calls before
    /// `until`.
    ///
    /// What was saved up is discarded, because it was earned at a rate that Clerk does not grant.
    pub(super) fn throttled(&self, asked: Duration, now: Duration, until: Duration) {
        let mut buckets = self.lock(now);
        if buckets.aimd.halve(asked, now, until) {
            let Buckets {
                shared,
                returning,
                reserved,
                ..
            } = &mut *buckets;
            for bucket in [shared, returning, reserved] {
                bucket.tokens = bucket.tokens.min(0.0);
            }
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
        let worth = self.aimd.worth(self.filled_at, now) * self.share;
        let share = self.aimd.share(now) * self.share;
        let left_over = self
            .returning
            .fill(worth * self.returning.per_second, share);
        let shared = worth * self.shared.per_second + left_over;
        self.shared.fill(shared, share);
        self.reserved.fill(worth * self.reserved.per_second, share);
        self.filled_at = self.filled_at.max(now);
    }

    /// Returns the bucket that admits a call of this priority first, and the missing time at the full
    /// rate, in seconds.
    ///
    /// Known tokens use their reserve first, then whatever unknown ones leave. Retried tokens do the
    /// same with theirs.
    fn soonest(&mut self, priority: Priority) -> (&mut Bucket, f64) {
        let flows_over = if self
            .returning
            .is_full(self.aimd.share(self.filled_at) * self.share)
        {
            self.returning.per_second
        } else {
            0.0
        };
        let shared = self.shared.debt(self.shared.per_second + flows_over);
        let own = match priority {
            Priority::New => return (&mut self.shared, shared),
            Priority::Returning => &mut self.returning,
            Priority::Revalidation => &mut self.reserved,
        };
        let debt = own.debt(own.per_second);
        if debt <= shared {
            (own, debt)
        } else {
            (&mut self.shared, shared)
        }
    }
}

/// A token bucket that may go into debt.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    per_second: f64,
    most: f64,
}

impl Bucket {
    fn full(per_second: f64, burst: f64) -> Self {
        let most = if per_second > 0.0 {
            burst.max(1.0)
        } else {
            0.0
        };
        Self {
            tokens: most,
            per_second,
            most,
        }
    }

    /// Adds tokens to the bucket, and returns those that did not fit. A slower rate saves up less.
    fn fill(&mut self, tokens: f64, share: f64) -> f64 {
        let filled = self.tokens + tokens;
        self.tokens = filled.min(self.room(share));
        // What was saved up at a faster rate is lost, and does not flow into another bucket either.
        (filled - self.tokens).clamp(0.0, tokens)
    }

    fn room(&self, share: f64) -> f64 {
        (self.most * share).max(self.most.min(1.0))
    }

    fn is_full(&self, share: f64) -> bool {
        self.tokens >= self.room(share)
    }

    /// Returns how much time is missing for one more call at this rate, in seconds.
    fn debt(&self, per_second: f64) -> f64 {
        let missing = 1.0 - self.tokens;
        if missing <= 0.0 {
            0.0
        } else {
            missing / per_second
        }
    }
}

#[cfg(test)]
mod tests;
