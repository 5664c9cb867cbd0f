//! For how long fetched keys are used, and when they may be fetched again.

use std::time::Duration;

use crate::cache::Deadlines;
use crate::random::vary;

/// The periods for which a key set is used, and the pauses between fetches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyRefreshPolicy {
    /// Used without a fetch for this time, ±10 %.
    pub(crate) fresh: Duration,
    /// Fetched again this long before the fresh time ends.
    pub(crate) refresh_ahead: Duration,
    /// A token with an unknown key or a wrong signature causes at most one fetch in this time.
    pub(crate) cooldown: Duration,
    /// The age up to which keys are used while no newer ones can be fetched.
    pub(crate) max_stale: Duration,
}

/// The first pause after a failed fetch. It doubles with each further failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after a failed fetch, so that a recovery is noticed within half a minute.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl KeyRefreshPolicy {
    /// Returns the deadlines of keys requested at `asked_at`. Time counts from the request, because the
    /// keys may have changed at any time since.
    pub(super) fn deadlines(&self, asked_at: Duration) -> Deadlines {
        let fresh_until = asked_at.saturating_add(vary(self.fresh, 0.1));
        Deadlines {
            refresh_at: fresh_until.saturating_sub(self.refresh_ahead),
            fresh_until,
            stale_until: asked_at.saturating_add(self.max_stale).max(fresh_until),
        }
    }
}

/// Returns the pause after this number of consecutive failed fetches.
pub(super) fn pause_after(failures: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    doubled.min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_7_fresh_time_is_within_ten_percent() {
        let second = Duration::from_secs(1);
        let policy = KeyRefreshPolicy {
            fresh: second * 300,
            refresh_ahead: second * 30,
            cooldown: second * 30,
            max_stale: second * 3600,
        };
        for _ in 0..500 {
            let deadlines = policy.deadlines(second * 1000);
            assert!(
                deadlines.fresh_until >= second * 1270 && deadlines.fresh_until <= second * 1330
            );
            assert_eq!(deadlines.refresh_at, deadlines.fresh_until - second * 30);
            assert_eq!(deadlines.stale_until, second * 4600);
        }
    }

    #[test]
    fn rule_7_pauses_double_up_to_half_a_minute() {
        let pauses: Vec<_> = (1..8).map(|n| pause_after(n).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(pause_after(u32::MAX), LONGEST_PAUSE);
    }
}
