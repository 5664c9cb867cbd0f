//! Keeps a dead or throttling upstream from costing a timeout for every request.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::call::{CallInfo, Endpoint};
use super::outliers::Outliers;
use crate::cache::{CacheKey, Priority};
use crate::error::{AuthError, Reason};

/// Failures in a row after which calls are refused.
const FAILURES: u32 = 5;
/// So many different tokens or machines have to be among them. Fewer may be tokens that Clerk
/// cannot answer about, and their senders must not be able to hold the others back.
const DISTINCT: usize = 3;
/// While calls are refused, one is let through in each of these.
const PROBE_EVERY: Duration = Duration::from_millis(500);
/// A known token may send the next one earlier: it was good, so it shows best whether Clerk is
/// back, and nobody who sends made-up tokens can take its turn.
const KNOWN_PROBE_EVERY: Duration = Duration::from_millis(250);
/// The longest pause that a `Retry-After` is taken for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The pause for a 429 that does not say how long.
const DEFAULT_PAUSE: Duration = Duration::from_secs(1);
/// The pause where a quota is used up and nothing is said of how long: it mends by the month or by
/// hand, and half a minute is what whoever mends it waits at most.
const QUOTA_PAUSE: Duration = Duration::from_secs(30);

/// Whether calls are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BreakerState {
    /// All are.
    Closed,
    /// One in each half second, to see whether Clerk is back; for a known token, one in each quarter
    /// second.
    Open,
    /// None, since Clerk asked to be left alone for a while.
    Paused,
}

/// Counts failures in a row.
///
/// A probe holds nothing: each half second is worth one call, so that a probe which is cancelled
/// or hangs keeps nobody from sending the next.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// What they were about: the first few that differ.
    distinct: Vec<CacheKey>,
    /// When the last probe was sent, or else when calls began to be refused.
    probed_at: Duration,
    paused_until: Duration,
    /// What a quota is used up for, and when it is asked about again. Others go on: whoever makes
    /// up API keys must not hold M2M tokens back.
    quotas: Vec<(Endpoint, Duration)>,
    outliers: Outliers,
}

/// Whether a call was let through as all are, or to see whether Clerk is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Normal,
    Probe,
}

impl Breaker {
    /// Returns `Ok` if a call may be made now.
    pub(super) fn check(&self, call: &CallInfo, now: Duration) -> Result<Admission, AuthError> {
        let mut state = self.lock();
        state.check_pause(now)?;
        state.check_quota(call.endpoint, now)?;
        if !state.is_open() {
            state.outliers.check(&call.key, now)?;
            return Ok(Admission::Normal);
        }
        let every = match call.priority {
            Priority::New | Priority::Returning => PROBE_EVERY,
            Priority::Revalidation => KNOWN_PROBE_EVERY,
        };
        if now < state.probed_at.saturating_add(every) {
            return Err(AuthError::unavailable_for(Reason::Upstream, every));
        }
        state.outliers.check(&call.key, now)?;
        state.probed_at = now;
        Ok(Admission::Probe)
    }

    /// Returns `Ok` if a call that was let through may still be made, after it has waited.
    pub(super) fn check_again(
        &self,
        call: &CallInfo,
        admission: Admission,
        now: Duration,
    ) -> Result<(), AuthError> {
        let state = self.lock();
        state.check_pause(now)?;
        state.check_quota(call.endpoint, now)?;
        if state.is_open() && admission == Admission::Normal {
            return Err(AuthError::unavailable_for(Reason::Upstream, PROBE_EVERY));
        }
        Ok(())
    }

    pub(super) fn is_paused(&self, now: Duration) -> bool {
        self.lock().check_pause(now).is_err()
    }

    /// Clerk answered as it should.
    pub(super) fn worked(&self, key: &CacheKey) {
        let mut state = self.lock();
        state.outliers.worked(key);
        if state.forget_failures() {
            tracing::info!("Clerk answers again");
        }
    }

    /// Clerk did not answer, or answered with an error of its own.
    pub(super) fn failed(&self, key: CacheKey, now: Duration) {
        let mut state = self.lock();
        state.outliers.failed(key, Reason::Upstream, now);
        let was_open = state.is_open();
        state.failures = state.failures.saturating_add(1);
        if state.distinct.len() < DISTINCT && !state.distinct.contains(&key) {
            state.distinct.push(key);
        }
        if state.is_open() && !was_open {
            state.probed_at = now;
            tracing::error!(
                failures = state.failures,
                "Clerk does not answer; calls are held back"
            );
        }
    }

    /// Clerk answered this name in a way that says nothing about what it answers others: neither
    /// good nor a failure, so that it neither opens nor closes.
    pub(super) fn unexpected(&self, key: CacheKey, reason: Reason, now: Duration) {
        self.lock().outliers.failed(key, reason, now);
    }

    /// Clerk works, and refuses us: this ends an outage, and the name is asked about less often.
    pub(super) fn refused(&self, key: CacheKey, reason: Reason, now: Duration) {
        let mut state = self.lock();
        state.forget_failures();
        state.outliers.failed(key, reason, now);
    }

    /// Keeps to a `Retry-After`; returns the pause that is kept.
    pub(super) fn pause(&self, now: Duration, delay: Option<Duration>) -> Duration {
        let pause = delay.unwrap_or(DEFAULT_PAUSE).min(LONGEST_PAUSE);
        let mut state = self.lock();
        state.paused_until = state.paused_until.max(now.saturating_add(pause));
        pause
    }

    /// Holds back what a quota is used up for; returns for how long.
    pub(super) fn over_quota(
        &self,
        call: &CallInfo,
        now: Duration,
        delay: Option<Duration>,
    ) -> Duration {
        let pause = delay.unwrap_or(QUOTA_PAUSE).min(LONGEST_PAUSE);
        let mut state = self.lock();
        state.forget_failures();
        state
            .quotas
            .retain(|(endpoint, _)| *endpoint != call.endpoint);
        state
            .quotas
            .push((call.endpoint, now.saturating_add(pause)));
        pause
    }

    pub(super) fn state(&self, now: Duration) -> BreakerState {
        let state = self.lock();
        if state.check_pause(now).is_err() {
            BreakerState::Paused
        } else if state.is_open() {
            BreakerState::Open
        } else {
            BreakerState::Closed
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_open(&self) -> bool {
        self.failures >= FAILURES && self.distinct.len() >= DISTINCT
    }

    fn check_pause(&self, now: Duration) -> Result<(), AuthError> {
        let left = self.paused_until.saturating_sub(now);
        if left.is_zero() {
            return Ok(());
        }
        Err(AuthError::unavailable_for(Reason::RateLimited, left))
    }

    fn check_quota(&self, endpoint: Endpoint, now: Duration) -> Result<(), AuthError> {
        let held = self.quotas.iter().find(|(held, _)| *held == endpoint);
        match held.map(|(_, until)| until.saturating_sub(now)) {
            Some(left) if !left.is_zero() => Err(AuthError::unavailable_for(Reason::Quota, left)),
            _ => Ok(()),
        }
    }

    /// Begins to count anew; returns `true` if calls were refused until now.
    fn forget_failures(&mut self) -> bool {
        let was_open = self.is_open();
        self.failures = 0;
        self.distinct.clear();
        was_open
    }
}

#[cfg(test)]
mod tests;
