//! Whether a replica works together with the others or alone, and what it has counted.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

/// For how long what was read of the log counts.
const CURRENT_FOR: Duration = Duration::from_millis(1_500);

/// Requests that waited in vain in a row before no more wait.
const FAILURES: u32 = 3;

/// A store that misbehaves more often than this in [`WATCHED`] is not read for [`DISTRUST`].
const OFFENCES: u32 = 20;
const WATCHED: Duration = Duration::from_secs(10);
const DISTRUST: Duration = Duration::from_secs(60);

/// How a replica stands to its fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FleetState {
    /// Answers, invalidations and the call budget are shared.
    Together,
    /// The store was never reached, or what it holds is being read.
    Joining,
    /// The store does not answer, or not in time.
    Alone,
    /// The store has given too much that no replica wrote, or has lost its memory too often.
    Distrusted,
    /// The clock of this replica and that of the store are more than five seconds apart.
    ClockApart,
}

/// How a replica stands to its fleet, and what it has counted since it started.
///
/// Serialises in `camelCase`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FleetHealth {
    /// Whether it works together with the others.
    pub state: FleetState,
    /// How many replicas there are, as far as this one knows.
    pub members: usize,
    /// How long ago the log of the fleet was read, in milliseconds; `None` if it never was.
    pub log_age_millis: Option<u64>,
    /// How often messages of other replicas may have been missed, and everything was renewed.
    pub gaps: u64,
    /// Values in the store that no replica of this fleet wrote.
    pub rejected: u64,
    /// Verifications that another replica had made already.
    pub answers_shared: u64,
    /// Verifications that this replica made for all.
    pub answers_led: u64,
    /// Verifications that were made without the fleet.
    pub answers_alone: u64,
    /// Calls to Clerk for which the shared budget had nothing left.
    pub calls_refused: u64,
    /// Messages that the store has not taken yet.
    pub unsent: usize,
    /// Revocations that the fleet shares.
    pub revocations: usize,
}

/// The state that every miss asks for, without a lock.
#[derive(Debug, Default)]
pub(super) struct Status {
    /// Until when what was read counts, in milliseconds of the monotonic clock; zero for never.
    current_until: AtomicU64,
    read_at: AtomicU64,
    /// Until when nothing is imported, after messages may have been missed.
    settles_at: AtomicU64,
    distrusted_until: AtomicU64,
    joined: AtomicU32,
    clock_apart: AtomicU32,
    failures: AtomicU32,
    offences: AtomicU32,
    watched_since: AtomicU64,
    pub(super) counts: Counts,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) gaps: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) shared: AtomicU64,
    pub(super) led: AtomicU64,
    pub(super) alone: AtomicU64,
    pub(super) refused: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Status {
    /// Notes that the log was read to its end, which took so long.
    pub(super) fn read(&self, now: Duration, took: Duration, patience: Duration) {
        self.read_at.store(millis(now).max(1), Ordering::Relaxed);
        let until = millis(now.saturating_add(CURRENT_FOR));
        self.current_until.store(until, Ordering::Relaxed);
        if took <= patience {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn join(&self) {
        self.joined.store(1, Ordering::Relaxed);
    }

    pub(super) fn is_joined(&self) -> bool {
        self.joined.load(Ordering::Relaxed) == 1
    }

    /// Notes whether the clocks of this replica and of the store are apart.
    pub(super) fn set_clock_apart(&self, is_apart: bool) {
        self.clock_apart.store(is_apart.into(), Ordering::Relaxed);
    }

    /// Imports nothing for a while: what was missed is sent again by then.
    pub(super) fn settle(&self, now: Duration, time: Duration) {
        let until = millis(now.saturating_add(time));
        self.settles_at.fetch_max(until, Ordering::Relaxed);
    }

    /// Notes that a request waited for the store in vain.
    pub(super) fn failed(&self) {
        let more = |failures: u32| Some(failures.saturating_add(1));
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        let _counted = self.failures.fetch_update(set, fetch, more);
    }

    pub(super) fn worked(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// Notes something that no honest store does.
    pub(super) fn offended(&self, now: Duration, weight: u32) {
        let now = millis(now);
        let since = self.watched_since.load(Ordering::Relaxed);
        if now.saturating_sub(since) > millis(WATCHED) {
            self.watched_since.store(now, Ordering::Relaxed);
            self.offences.store(0, Ordering::Relaxed);
        }
        let before = self.offences.fetch_add(weight, Ordering::Relaxed);
        if before.saturating_add(weight) > OFFENCES {
            let until = now.saturating_add(millis(DISTRUST));
            if self.distrusted_until.swap(until, Ordering::Relaxed) <= now {
                tracing::warn!(
                    "the fleet's store holds what no replica wrote; its entries are not used for a \
                     minute"
                );
            }
        }
    }

    pub(super) fn is_distrusted(&self, now: Duration) -> bool {
        millis(now) < self.distrusted_until.load(Ordering::Relaxed)
    }

    pub(super) fn state(&self, now: Duration) -> FleetState {
        let at = millis(now);
        if !self.is_joined() {
            FleetState::Joining
        } else if at >= self.current_until.load(Ordering::Relaxed)
            || at < self.settles_at.load(Ordering::Relaxed)
            || self.failures.load(Ordering::Relaxed) >= FAILURES
        {
            FleetState::Alone
        } else if self.is_distrusted(now) {
            FleetState::Distrusted
        } else if self.clock_apart.load(Ordering::Relaxed) == 1 {
            FleetState::ClockApart
        } else {
            FleetState::Together
        }
    }

    pub(super) fn is_together(&self, now: Duration) -> bool {
        self.state(now) == FleetState::Together
    }

    pub(super) fn log_age(&self, now: Duration) -> Option<u64> {
        let read_at = self.read_at.load(Ordering::Relaxed);
        (read_at > 0).then(|| millis(now).saturating_sub(read_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);
    const PATIENCE: Duration = Duration::from_millis(5);

    fn joined() -> Status {
        let status = Status::default();
        assert_eq!(status.state(MILLI), FleetState::Joining);
        status.join();
        status.read(MILLI * 1_000, MILLI, PATIENCE);
        assert!(status.is_together(MILLI * 1_000));
        status
    }

    #[test]
    fn rule_23_a_log_that_was_not_read_lately_ends_the_sharing() {
        let status = joined();
        assert!(status.is_together(MILLI * 2_499));
        assert_eq!(status.state(MILLI * 2_500), FleetState::Alone);
        assert_eq!(status.log_age(MILLI * 2_500), Some(1_500));
    }

    #[test]
    fn rule_23_three_requests_that_waited_in_vain_are_the_last_until_the_store_is_quick_again() {
        let status = joined();
        status.failed();
        status.failed();
        status.worked();
        status.failed();
        status.failed();
        assert!(status.is_together(MILLI * 1_000));
        status.failed();
        assert_eq!(status.state(MILLI * 1_000), FleetState::Alone);
        status.read(MILLI * 1_100, MILLI * 6, PATIENCE);
        assert_eq!(status.state(MILLI * 1_100), FleetState::Alone, "it is slow");
        status.read(MILLI * 1_200, MILLI * 5, PATIENCE);
        assert!(status.is_together(MILLI * 1_200));
    }

    #[test]
    fn rule_23_a_store_that_offends_often_is_not_read_for_a_minute() {
        let status = joined();
        for _ in 0..20 {
            status.offended(MILLI * 1_000, 1);
        }
        // Others come so late that the first ones no longer count.
        for _ in 0..20 {
            status.offended(MILLI * 11_001, 1);
        }
        status.read(MILLI * 11_001, MILLI, PATIENCE);
        assert!(status.is_together(MILLI * 11_001));
        status.offended(MILLI * 11_001, 1);
        assert_eq!(status.state(MILLI * 11_001), FleetState::Distrusted);
        status.read(MILLI * 71_000, MILLI, PATIENCE);
        assert_eq!(status.state(MILLI * 71_000), FleetState::Distrusted);
        assert!(status.is_together(MILLI * 71_001));
    }
}
