//! Pauses between mints: after a failure, and after a receiver's refusal.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::{TokenSourceError, TokenSourceErrorKind};
use crate::clock::millis;
use crate::random;

/// The first pause after a failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause: the end of an outage is noticed within this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The shortest pause, since full jitter may result in zero.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// For failures that do not end within seconds: an exhausted quota, a wrong clock. Each attempt may
/// be billed.
const LONG_PAUSE: Duration = Duration::from_secs(60);

/// Paces attempts; each call only reads one atomic.
#[derive(Debug, Default)]
pub(super) struct Pacing {
    /// Milliseconds of the monotonic clock before which Clerk is not asked.
    next: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    problem: Option<TokenSourceError>,
    last_error: Option<TokenSourceErrorKind>,
    forced_at: Option<Duration>,
}

impl Pacing {
    /// Returns `true` if Clerk may be asked now.
    pub(super) fn allows(&self, now: Duration) -> bool {
        millis(now) >= self.next.load(Ordering::Relaxed)
    }

    /// Returns the error of the last attempt, with the rest of the pause after it.
    pub(super) fn held_back(&self, now: Duration) -> TokenSourceError {
        let left = self
            .next
            .load(Ordering::Relaxed)
            .saturating_sub(millis(now));
        let problem = self.lock().problem.clone();
        let error = problem.unwrap_or_else(TokenSourceError::lost);
        error.retried_after(Duration::from_millis(left))
    }

    /// Records a success; returns the kind of the problem that it ends.
    pub(super) fn succeeded(&self) -> Option<TokenSourceErrorKind> {
        let mut state = self.lock();
        state.failures = 0;
        self.next.store(0, Ordering::Relaxed);
        state.problem.take().map(|error| error.kind())
    }

    /// Records a failure; returns it with the pause that follows, and whether its kind is new.
    pub(super) fn failed(
        &self,
        error: TokenSourceError,
        now: Duration,
    ) -> (TokenSourceError, bool) {
        let mut state = self.lock();
        let pause = pause(&error, state.failures);
        let error = error.retried_after(pause);
        let kind = error.kind();
        let before = state.problem.replace(error.clone());
        state.failures = state.failures.saturating_add(1);
        state.last_error = Some(kind);
        let next = millis(now.saturating_add(pause));
        self.next.store(next, Ordering::Relaxed);
        (error, before.is_none_or(|before| before.kind() != kind))
    }

    /// Delays the next attempt, because the last one returned the same token.
    pub(super) fn hold(&self, now: Duration) {
        let next = millis(now.saturating_add(FIRST_PAUSE));
        self.next.store(next, Ordering::Relaxed);
    }

    /// Returns `true` if a refusal may force a mint: at most one per `cooldown` (rule O5).
    pub(super) fn may_force(&self, now: Duration, cooldown: Duration) -> bool {
        let mut state = self.lock();
        let rested = |at: Duration| now.saturating_sub(at) >= cooldown;
        let may = state.forced_at.is_none_or(rested);
        if may {
            state.forced_at = Some(now);
        }
        may
    }

    pub(super) fn problem(&self) -> (Option<TokenSourceErrorKind>, Option<TokenSourceErrorKind>) {
        let state = self.lock();
        let problem = state.problem.as_ref().map(TokenSourceError::kind);
        (problem, state.last_error)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Full jitter (uniform up to a doubling bound), and at least Clerk's `Retry-After`.
fn pause(error: &TokenSourceError, failures: u32) -> Duration {
    let asked = error.asked_pause().unwrap_or_default().min(LONG_PAUSE);
    let own = match error.kind() {
        TokenSourceErrorKind::Quota | TokenSourceErrorKind::Clock => LONG_PAUSE,
        _ => {
            let bound = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures));
            let bound = bound.min(LONGEST_PAUSE);
            bound.mul_f64(random::fraction()).max(SHORTEST_PAUSE)
        }
    };
    own.max(asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::AdminError;

    const SECOND: Duration = Duration::from_secs(1);

    fn interrupted() -> TokenSourceError {
        TokenSourceError::clerk(AdminError::interrupted())
    }

    #[test]
    fn o3_pauses_double_up_to_thirty_seconds_with_full_jitter() {
        for (failures, bound) in [(0, 1), (1, 2), (4, 16), (5, 30), (40, 30)] {
            let seen: Vec<_> = (0..300).map(|_| pause(&interrupted(), failures)).collect();
            let bound = SECOND * bound;
            assert!(seen.iter().all(|p| *p <= bound && *p >= SHORTEST_PAUSE));
            assert!(seen.iter().any(|p| *p < bound / 4), "{failures}");
            assert!(seen.iter().any(|p| *p > bound * 3 / 4), "{failures}");
        }
    }

    #[test]
    fn o3_nothing_is_asked_within_the_pause_and_a_success_ends_it() {
        let (pacing, now) = (Pacing::default(), SECOND * 1_000);
        assert!(pacing.allows(now));
        let (error, news) = pacing.failed(interrupted(), now);
        let pause = error.retry_after().unwrap();
        assert!(news && !pacing.allows(now));
        assert!(pacing.allows(now + pause));
        assert!(!pacing.failed(interrupted(), now).1, "the same again");
        assert!(pacing.held_back(now).retry_after().is_some());
        assert_eq!(pacing.succeeded(), Some(TokenSourceErrorKind::Interrupted));
        assert!(pacing.allows(now));
    }

    #[test]
    fn o5_one_forced_mint_for_each_cooldown() {
        let (pacing, cooldown) = (Pacing::default(), SECOND * 30);
        assert!(pacing.may_force(SECOND, cooldown));
        assert!(!pacing.may_force(SECOND * 30, cooldown));
        assert!(pacing.may_force(SECOND * 31, cooldown));
    }
}
