//! Tokens and machines whose calls failed lately. Each is called about less often, and does not affect
//! the others.

use std::time::Duration;

use crate::cache::CacheKey;
use crate::error::{AuthError, Reason};

/// Consecutive failures after which a key is called about less often. The same number opens the
/// breaker, so that a service with one caller does not wait for more timeouts than others.
const FAILURES: u32 = 5;
/// A failing key is then called about once in this time: twice the time between two probes of the
/// breaker, so that no key takes every probe.
const HOLD: Duration = Duration::from_secs(1);
/// A failure that is older than this does not count as consecutive.
const MEMORY: Duration = Duration::from_secs(60);
/// The maximum number of keys. The key that failed longest ago is evicted. If more tokens than these
/// fail, the cause is not a token.
const MOST: usize = 16;

/// The keys, in no particular order.
#[derive(Debug, Default)]
pub(super) struct Outliers(Vec<Outlier>);

#[derive(Debug)]
struct Outlier {
    key: CacheKey,
    failures: u32,
    failed_at: Duration,
    held_until: Duration,
    reason: Reason,
}

impl Outliers {
    /// Returns `Ok` if a call about this key may be made now. If the key failed repeatedly, no other
    /// call about it is admitted for a while.
    pub(super) fn check(&mut self, key: &CacheKey, now: Duration) -> Result<(), AuthError> {
        let found = self.0.iter_mut().find(|outlier| outlier.key == *key);
        let Some(outlier) = found.filter(|outlier| outlier.failures >= FAILURES) else {
            return Ok(());
        };
        let left = outlier.held_until.saturating_sub(now);
        if !left.is_zero() {
            return Err(AuthError::unavailable_for(outlier.reason, left));
        }
        outlier.held_until = now.saturating_add(HOLD);
        Ok(())
    }

    pub(super) fn failed(&mut self, key: CacheKey, reason: Reason, now: Duration) {
        let is_recent = |outlier: &Outlier| now.saturating_sub(outlier.failed_at) < MEMORY;
        self.0.retain(is_recent);
        let before = self.0.iter().position(|outlier| outlier.key == key);
        let before = before.map_or(0, |slot| self.0.swap_remove(slot).failures);
        if self.0.len() >= MOST {
            self.drop_oldest();
        }
        self.0.push(Outlier {
            key,
            failures: before.saturating_add(1),
            failed_at: now,
            held_until: now.saturating_add(HOLD),
            reason,
        });
    }

    pub(super) fn worked(&mut self, key: &CacheKey) {
        self.0.retain(|outlier| outlier.key != *key);
    }

    fn drop_oldest(&mut self) {
        let by_age = self.0.iter().enumerate();
        let oldest = by_age.min_by_key(|(_, outlier)| outlier.failed_at);
        if let Some((slot, _)) = oldest {
            self.0.swap_remove(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{Domain, KeyHasher};

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn keys(count: usize) -> Vec<CacheKey> {
        let hasher = KeyHasher::new().unwrap();
        let key = |n: usize| hasher.key(Domain::M2m, n.to_string().as_bytes());
        (0..count).map(key).collect()
    }

    #[test]
    fn rule_13_a_key_that_fails_in_a_row_is_asked_about_once_in_a_second() {
        let (keys, mut outliers) = (keys(2), Outliers::default());
        for _ in 0..FAILURES {
            assert!(outliers.check(&keys[0], at(0)).is_ok());
            outliers.failed(keys[0], Reason::Upstream, at(0));
        }
        let error = outliers.check(&keys[0], at(400)).unwrap_err();
        assert_eq!(
            (error.cause(), error.retry_after()),
            (Reason::Upstream, Some(at(600)))
        );
        assert!(outliers.check(&keys[1], at(400)).is_ok(), "nobody else");
        // Nothing waits for a call that is lost without a report.
        let let_through = (1..=10_000).filter(|n| outliers.check(&keys[0], at(*n)).is_ok());
        assert_eq!(let_through.count(), 10);
        outliers.worked(&keys[0]);
        assert!(outliers.check(&keys[0], at(10_000)).is_ok());
        assert!(outliers.check(&keys[0], at(10_000)).is_ok());
    }

    #[test]
    fn rule_13_old_failures_make_no_row() {
        let (keys, mut outliers) = (keys(1), Outliers::default());
        for n in 0..100 {
            outliers.failed(keys[0], Reason::Upstream, at(n * 60_000));
            assert!(outliers.check(&keys[0], at(n * 60_000)).is_ok());
        }
    }

    #[test]
    fn rule_13_outliers_are_bounded() {
        let mut outliers = Outliers::default();
        let keys = keys(1_000);
        for (n, key) in keys.iter().enumerate() {
            outliers.failed(*key, Reason::Upstream, at(n as u64));
        }
        assert_eq!(outliers.0.len(), MOST);
        assert!(outliers.0.iter().any(|outlier| outlier.key == keys[999]));
    }
}
