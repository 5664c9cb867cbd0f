//! For how long a verdict may be used: fresh, due for a refresh, stale, expired.

use std::time::Duration;

use super::key::CacheKey;
use crate::random::{spread, vary_to};

/// The share of its fresh time after which a verdict is refreshed ahead of its expiry.
///
/// At 80 % of the default 60 s, 12 s are left: four times the longest verification (3 s). A failed
/// attempt and a retry therefore finish while the verdict is still fresh.
const REFRESH_AT: f64 = 0.8;

/// The periods for which a cached verdict may be used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ttl {
    /// Used without a call.
    pub(crate) fresh: Duration,
    /// Refreshed before its fresh time ends.
    pub(crate) renewed: bool,
    /// The share by which the fresh time of a key may be longer or shorter, so that verdicts that were
    /// inserted together do not expire together.
    pub(crate) jitter: f64,
    /// Used for this time after that while Clerk cannot be called; zero for never.
    pub(crate) stale_if_error: Duration,
    /// For how long a rejection is cached.
    pub(crate) negative: Duration,
}

/// The deadlines of one verdict, on the monotonic clock.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Deadlines {
    pub(crate) refresh_at: Duration,
    pub(crate) fresh_until: Duration,
    pub(crate) stale_until: Duration,
}

impl Ttl {
    /// Returns the deadlines of a verdict that was requested at `asked_at`.
    ///
    /// Time counts from the request, not from the response, because Clerk may have decided at any time
    /// in between.
    pub(crate) fn deadlines(&self, key: &CacheKey, asked_at: Duration) -> Deadlines {
        let fresh = vary_to(self.fresh, self.jitter, spread(key.random_part()));
        let fresh_until = asked_at.saturating_add(fresh);
        let refresh_at = if self.renewed {
            asked_at.saturating_add(fresh.mul_f64(REFRESH_AT))
        } else {
            fresh_until
        };
        Deadlines {
            refresh_at,
            fresh_until,
            stale_until: fresh_until.saturating_add(self.stale_if_error),
        }
    }

    /// Returns the longest time for which a verdict can be used.
    pub(crate) fn longest(&self) -> Duration {
        self.fresh
            .mul_f64(1.0 + self.jitter)
            .saturating_add(self.stale_if_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::key::{Domain, KeyHasher};

    #[test]
    fn rule_10_fresh_time_varies_by_ten_percent_and_no_more() {
        let second = Duration::from_secs(1);
        let ttl = Ttl {
            fresh: second * 60,
            renewed: true,
            jitter: 0.1,
            stale_if_error: second * 30,
            negative: second,
        };
        let hasher = KeyHasher::new().unwrap();
        let fresh: Vec<_> = (0..500)
            .map(|n| {
                ttl.deadlines(
                    &hasher.key(Domain::M2m, n.to_string().as_bytes()),
                    second * 100,
                )
            })
            .collect();
        for deadlines in &fresh {
            assert!(deadlines.fresh_until >= second * 154 && deadlines.fresh_until <= second * 166);
            assert!(
                deadlines.refresh_at >= second * 143
                    && deadlines.refresh_at < deadlines.fresh_until
            );
            assert_eq!(deadlines.stale_until, deadlines.fresh_until + second * 30);
            assert!(deadlines.stale_until <= second * 100 + ttl.longest());
        }
        let spread = |bound: u64| {
            fresh
                .iter()
                .any(|deadlines| deadlines.fresh_until.as_secs() < bound)
        };
        assert!(
            spread(157)
                && fresh
                    .iter()
                    .any(|deadlines| deadlines.fresh_until.as_secs() > 163)
        );
    }
}
