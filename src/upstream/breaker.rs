//! The circuit breaker: keeps a failing or throttling upstream from costing every request a timeout.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::call::{CallInfo, Endpoint};
use super::outliers::Outliers;
use crate::cache::{CacheKey, Priority};
use crate::error::{AuthError, Reason};

/// Consecutive failures after which the breaker opens. Five in a row are not noise.
const FAILURES: u32 = 5;
/// The number of different tokens or machines among them. A token may make Clerk fail each time it is
/// verified, and the senders of a few such tokens must not be able to block all others.
const DISTINCT: usize = 3;
/// While the breaker is open, one probe is sent per this time.
///
/// A failing upstream can handle two calls per second, and its recovery is noticed within half a
/// second.
const PROBE_EVERY: Duration = Duration::from_millis(500);
/// A known token may send a probe earlier. It was valid before, so it shows best whether Clerk has
/// recovered, and no sender of made-up tokens can take its turn.
const KNOWN_PROBE_EVERY: Duration = Duration::from_millis(250);
/// The longest `Retry-After` that is honoured. Half a minute without verifications is an outage of its
/// own.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The pause after a 429 without `Retry-After`.
const DEFAULT_PAUSE: Duration = Duration::from_secs(1);
/// The pause after a quota is used up, if the response has no `Retry-After`. A quota is renewed monthly
/// or raised by hand. Calls then work again after at most half a minute.
const QUOTA_PAUSE: Duration = Duration::from_secs(30);

/// The state of the circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// Calls are refused, except for a probe every 500 ms, or after 250 ms for a known token.
    Open,
    /// Calls are refused, because Clerk sent `Retry-After` or a 429.
    Paused,
}

/// Counts consecutive failures.
///
/// A probe holds no state: each 500 ms admit one call. A probe that is cancelled or hangs therefore
/// does not keep the next one from being sent.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// The tokens or machines of the failed calls: the first few that differ.
    distinct: Vec<CacheKey>,
    /// When the last probe was sent, or else when the breaker opened.
    probed_at: Duration,
    paused_until: Duration,
    /// The endpoints whose quota is used up, and when they may be called again. Other endpoints are not
    /// affected: a sender of made-up API keys must not be able to block M2M tokens.
    quotas: Vec<(Endpoint, Duration)>,
    outliers: Outliers,
}

/// Whether a call was admitted normally or as a probe.
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

    /// Returns `Ok` if an admitted call may still be made after it has waited.
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

    /// Clerk responded as documented.
    pub(super) fn worked(&self, key: &CacheKey) {
        let mut state = self.lock();
        state.outliers.worked(key);
        if state.forget_failures() {
            tracing::info!("Clerk answers again");
        }
    }

    /// Clerk did not respond, or responded with a server error.
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
                "the circuit breaker is open: calls to Clerk fail"
            );
        }
    }

    /// Clerk's response for this key says nothing about other keys. It is neither a success nor a
    /// failure, so it neither opens nor closes the breaker.
    pub(super) fn unexpected(&self, key: CacheKey, reason: Reason, now: Duration) {
        self.lock().outliers.failed(key, reason, now);
    }

    /// Clerk works, and refuses the call. This ends an outage, and the key is called about less often.
    pub(super) fn refused(&self, key: CacheKey, reason: Reason, now: Duration) {
        let mut state = self.lock();
        state.forget_failures();
        state.outliers.failed(key, reason, now);
    }

    /// Honours a `Retry-After`. Returns the pause that is kept.
    pub(super) fn pause(&self, now: Duration, delay: Option<Duration>) -> Duration {
        let pause = delay.unwrap_or(DEFAULT_PAUSE).min(LONGEST_PAUSE);
        let mut state = self.lock();
        state.paused_until = state.paused_until.max(now.saturating_add(pause));
        pause
    }

    /// Refuses calls to an endpoint whose quota is used up. Returns for how long.
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

    /// Resets the count of failures. Returns `true` if the breaker was open.
    fn forget_failures(&mut self) -> bool {
        let was_open = self.is_open();
        self.failures = 0;
        self.distinct.clear();
        was_open
    }
}

#[cfg(test)]
mod tests;
