//! Keeps a dead or throttling upstream from costing a timeout for every request.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::error::{AuthError, Reason};

/// Failures in a row after which calls are refused.
const FAILURES: u32 = 5;
/// While calls are refused, one is let through in each of these.
const PROBE_EVERY: Duration = Duration::from_millis(500);
/// The longest pause that a `Retry-After` is taken for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The pause for a 429 that does not say how long.
const DEFAULT_PAUSE: Duration = Duration::from_secs(1);

/// Whether calls are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BreakerState {
    /// All are.
    Closed,
    /// One in each half second, to see whether Clerk is back.
    Open,
    /// None, since Clerk asked to be left alone for a while.
    Paused,
}

/// Counts failures in a row.
///
/// A probe holds nothing: each half second is worth one call, so that a probe which is cancelled
/// or hangs keeps nobody from sending the next.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: AtomicU32,
    /// Milliseconds on the monotonic clock.
    next_probe: AtomicU64,
    paused_until: AtomicU64,
}

impl Breaker {
    /// Tells whether a call may be made now.
    pub(super) fn check(&self, now: Duration) -> Result<(), AuthError> {
        let now = millis(now);
        let pause = self
            .paused_until
            .load(Ordering::Relaxed)
            .saturating_sub(now);
        if pause > 0 {
            let pause = Duration::from_millis(pause);
            return Err(AuthError::retry_after(Reason::RateLimited, pause));
        }
        if self.failures.load(Ordering::Relaxed) < FAILURES || self.takes_probe(now) {
            return Ok(());
        }
        Err(AuthError::retry_after(Reason::Upstream, PROBE_EVERY))
    }

    fn takes_probe(&self, now: u64) -> bool {
        let due = self.next_probe.load(Ordering::Relaxed);
        let next = now.saturating_add(millis(PROBE_EVERY));
        now >= due
            && self
                .next_probe
                .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    pub(super) fn worked(&self) {
        if self.failures.swap(0, Ordering::Relaxed) >= FAILURES {
            tracing::info!("Clerk answers again");
        }
    }

    pub(super) fn failed(&self, now: Duration) {
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        if before.saturating_add(1) == FAILURES {
            let next = millis(now).saturating_add(millis(PROBE_EVERY));
            self.next_probe.store(next, Ordering::Relaxed);
            tracing::error!(
                failures = FAILURES,
                "Clerk does not answer; calls are held back"
            );
        }
        if before == u32::MAX {
            self.failures.store(u32::MAX, Ordering::Relaxed);
        }
    }

    /// Keeps to a `Retry-After`; returns the pause that is kept.
    pub(super) fn pause(&self, now: Duration, delay: Option<Duration>) -> Duration {
        let pause = delay.unwrap_or(DEFAULT_PAUSE).min(LONGEST_PAUSE);
        let until = millis(now.saturating_add(pause));
        self.paused_until.fetch_max(until, Ordering::Relaxed);
        pause
    }

    pub(super) fn state(&self, now: Duration) -> BreakerState {
        if self.paused_until.load(Ordering::Relaxed) > millis(now) {
            BreakerState::Paused
        } else if self.failures.load(Ordering::Relaxed) >= FAILURES {
            BreakerState::Open
        } else {
            BreakerState::Closed
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn open() -> Breaker {
        let breaker = Breaker::default();
        for _ in 0..FAILURES {
            assert!(breaker.check(at(0)).is_ok());
            breaker.failed(at(0));
        }
        breaker
    }

    #[test]
    fn rule_13_failures_in_a_row_hold_calls_back() {
        let breaker = open();
        assert_eq!(breaker.state(at(0)), BreakerState::Open);
        let error = breaker.check(at(0)).unwrap_err();
        assert_eq!(
            (error.cause(), error.retry_delay()),
            (Reason::Upstream, Some(PROBE_EVERY))
        );
    }

    #[test]
    fn rule_13_a_good_answer_between_failures_starts_the_count_anew() {
        let breaker = Breaker::default();
        for _ in 0..100 {
            for _ in 1..FAILURES {
                breaker.failed(at(0));
            }
            breaker.worked();
        }
        assert_eq!(breaker.state(at(0)), BreakerState::Closed);
    }

    #[test]
    fn rule_13_one_probe_in_each_half_second_and_none_is_waited_for() {
        let breaker = open();
        let probes = (0..10_000)
            .filter(|n| breaker.check(at(*n)).is_ok())
            .count();
        assert_eq!(
            probes, 19,
            "from 500 ms on, lost without a report each time"
        );
        breaker.worked();
        assert!(breaker.check(at(10_001)).is_ok() && breaker.check(at(10_001)).is_ok());
    }

    #[test]
    fn rule_13_retry_after_is_kept_up_to_a_bound() {
        let breaker = Breaker::default();
        assert_eq!(breaker.pause(at(0), Some(at(86_400_000))), LONGEST_PAUSE);
        assert_eq!(breaker.pause(at(0), Some(at(2_000))), at(2_000));
        assert_eq!(
            breaker.check(at(29_999)).unwrap_err().cause(),
            Reason::RateLimited
        );
        assert!(breaker.check(at(30_000)).is_ok());
        assert_eq!(Breaker::default().pause(at(0), None), DEFAULT_PAUSE);
    }
}
