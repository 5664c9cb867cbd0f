//! The share of its budget that a service uses: halved at a 429, and recovered slowly.

use std::time::Duration;

/// The share of the full rate that is recovered per second.
///
/// A full recovery takes twenty seconds: two of the ten-second windows in which Clerk counts. A replica
/// therefore notices within one window that its rate is too high again.
const REGAINED_PER_SECOND: f64 = 0.05;

/// Additive increase, multiplicative decrease (Chiu and Jain, 1989). Replicas that share one limit and
/// do not know of each other converge to equal shares of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aimd {
    /// The share at `since`.
    share: f64,
    /// The share grows from here on. Nothing is earned earlier, because Clerk asked for a pause until
    /// then.
    since: Duration,
    /// When it was last halved.
    halved_at: Option<Duration>,
}

impl Aimd {
    pub(super) const fn full(now: Duration) -> Self {
        Self {
            share: 1.0,
            since: now,
            halved_at: None,
        }
    }

    /// Returns the share of the full rate that is used at this time.
    pub(super) fn share(&self, now: Duration) -> f64 {
        let passed = now.saturating_sub(self.since).as_secs_f64();
        (self.share + passed * REGAINED_PER_SECOND).min(1.0)
    }

    /// Halves the share because of a 429 for a call that started at `asked`. Returns `true` if it was
    /// halved.
    ///
    /// Calls that started before the last halving were sent at the previous rate. One excess therefore
    /// halves the share once, no matter how many calls were in flight.
    pub(super) fn halve(&mut self, asked: Duration, now: Duration, until: Duration) -> bool {
        let is_answered = self.halved_at.is_some_and(|halved_at| asked <= halved_at);
        if !is_answered {
            self.share = self.share(now) / 2.0;
            self.halved_at = Some(now);
            self.since = now;
        }
        self.since = self.since.max(until);
        !is_answered
    }

    /// Returns how many seconds at the full rate the time between `from` and `to` is worth.
    pub(super) fn worth(&self, from: Duration, to: Duration) -> f64 {
        let from = from.max(self.since);
        let passed = to.saturating_sub(from).as_secs_f64();
        let share = self.share(from);
        let growing = seconds_to_full(share).min(passed);
        let grown = growing * (share + growing * REGAINED_PER_SECOND / 2.0);
        grown + (passed - growing)
    }

    /// Returns how long it takes to earn `worth` seconds at the full rate.
    pub(super) fn wait(&self, now: Duration, worth: f64) -> Duration {
        let share = self.share(now);
        let growing = seconds_to_full(share);
        let grown = growing * (share + 1.0) / 2.0;
        let seconds = if worth >= grown {
            growing + (worth - grown)
        } else {
            // A growing share earns `worth` after the time t that solves `share · t +
            // REGAINED_PER_SECOND · t² / 2 = worth`.
            let root = (share * share + 2.0 * REGAINED_PER_SECOND * worth).sqrt();
            (root - share) / REGAINED_PER_SECOND
        };
        let pause = self.since.saturating_sub(now);
        Duration::try_from_secs_f64(seconds)
            .map_or(Duration::MAX, |seconds| seconds.saturating_add(pause))
    }
}

fn seconds_to_full(share: f64) -> f64 {
    (1.0 - share) / REGAINED_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_full_pace_is_the_configured_rate() {
        let aimd = Aimd::full(at(0));
        assert_eq!(aimd.worth(at(1_000), at(3_500)), 2.5);
        assert_eq!(aimd.wait(at(1_000), 0.2), at(200));
        assert_eq!(aimd.wait(at(0), f64::INFINITY), Duration::MAX);
    }

    #[test]
    fn a_halved_pace_grows_by_a_twentieth_in_each_second_after_the_pause() {
        let mut aimd = Aimd::full(at(0));
        assert!(aimd.halve(at(0), at(0), at(2_000)));
        assert_eq!(aimd.share(at(2_000)), 0.5);
        assert!((aimd.share(at(3_000)) - 0.55).abs() < 1e-9);
        assert_eq!(aimd.share(at(12_000)), 1.0);
        assert_eq!(aimd.worth(at(0), at(2_000)), 0.0);
        // Ten seconds from one half to all are worth seven and a half.
        assert!((aimd.worth(at(0), at(12_000)) - 7.5).abs() < 1e-9);
        assert!((aimd.worth(at(0), at(13_000)) - 8.5).abs() < 1e-9);
    }

    #[test]
    fn a_wait_is_as_long_as_the_time_that_is_worth_it() {
        let mut aimd = Aimd::full(at(0));
        aimd.halve(at(1), at(1_000), at(1_500));
        for worth in [0.001, 0.02, 1.0, 7.4, 7.6, 100.0] {
            for now in [1_000, 1_500, 4_000, 30_000] {
                let wait = aimd.wait(at(now), worth);
                let found = aimd.worth(at(now), at(now) + wait);
                assert!((found - worth).abs() < 1e-6, "{worth} at {now}: {found}");
            }
        }
    }

    #[test]
    fn calls_that_were_under_way_do_not_halve_it_again() {
        let mut aimd = Aimd::full(at(0));
        assert!(aimd.halve(at(100), at(200), at(200)));
        assert!(!aimd.halve(at(150), at(210), at(400)));
        assert_eq!(aimd.share(at(400)), 0.5, "and keeps the longer pause");
        assert!(aimd.halve(at(401), at(402), at(402)));
        assert!((aimd.share(at(402)) - 0.25).abs() < 1e-3);
    }
}
