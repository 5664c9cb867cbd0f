//! Guards the calls that verify tokens: a budget, a bound on calls in flight, a circuit breaker.
//!
//! 1. Calls share one budget. Unknown tokens may use a part of it; known ones have a part of their
//!    own and whatever unknown ones leave.
//! 2. Over budget a call waits at most 100 ms, and is refused if that is not enough. While too
//!    many are under way it waits for a place for half of its time: the rest is for the call.
//! 3. After failures in a row calls are refused at once, save for one try in each half second.
//! 4. Clerk's `Retry-After` is kept, up to a bound, and the budget is halved at a 429; it comes
//!    back by a twentieth in each second.
//!
//! Order within this folder: `pace` ← `budget`; `breaker`, `report`; ← here.

mod breaker;
mod budget;
mod pace;
#[cfg(test)]
mod replicas_tests;
mod report;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use self::breaker::Breaker;
pub use self::breaker::BreakerState;
use self::budget::Budget;
pub(crate) use self::budget::BudgetConfig;
use self::report::Reports;
use crate::clock::Clock;
use crate::error::{AuthError, Reason};
use crate::trouble::{Failure, Trouble};

/// On whose behalf a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// A token that nothing is known of: anybody can make these up.
    Unknown,
    /// A token that was good when Clerk was last asked.
    Known,
}

/// The longest wait for the budget.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// The gate in front of Clerk; all calls that verify something pass through it.
#[derive(Debug)]
pub(crate) struct Upstream {
    budget: Budget,
    breaker: Breaker,
    in_flight: Arc<Semaphore>,
    reports: Reports,
    clock: Arc<dyn Clock>,
}

/// Leave to make one call. Dropped without a report, it says nothing about Clerk's health.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    upstream: &'a Upstream,
    /// When it was given, on the monotonic clock.
    since: Duration,
    _slot: OwnedSemaphorePermit,
}

impl Upstream {
    pub(crate) fn new(budget: BudgetConfig, in_flight: usize, clock: Arc<dyn Clock>) -> Self {
        Self {
            budget: Budget::new(budget, clock.monotonic()),
            breaker: Breaker::default(),
            in_flight: Arc::new(Semaphore::new(in_flight.min(Semaphore::MAX_PERMITS))),
            reports: Reports::default(),
            clock,
        }
    }

    /// Waits for leave to make one call, or is told at once that there is none to be had.
    ///
    /// The breaker is asked first: a call that it refuses costs no budget.
    pub(crate) async fn enter(&self, lane: Lane, deadline: Instant) -> Result<Pass<'_>, AuthError> {
        let now = self.clock.monotonic();
        self.breaker.check(now)?;
        let wait = self
            .budget
            .take(lane, now)
            .map_err(|wait| self.refuse(lane, wait))?;
        if !wait.is_zero() {
            sleep(wait).await;
        }
        let patience = deadline.saturating_duration_since(Instant::now());
        let slot = timeout(
            patience.mul_f64(0.5),
            Arc::clone(&self.in_flight).acquire_owned(),
        )
        .await;
        match slot {
            Ok(Ok(slot)) => Ok(Pass {
                upstream: self,
                since: self.clock.monotonic(),
                _slot: slot,
            }),
            _ => Err(self.refuse(lane, Duration::ZERO)),
        }
    }

    /// Takes leave for one more try of a call that has been let in, if that needs no wait.
    pub(crate) fn may_retry(&self, lane: Lane) -> bool {
        self.budget.take_at_once(lane, self.clock.monotonic())
    }

    fn refuse(&self, lane: Lane, wait: Duration) -> AuthError {
        if lane == Lane::Known {
            self.reports.saturated(self.clock.monotonic());
        }
        AuthError::retry_after(Reason::Overload, wait)
    }

    pub(crate) fn breaker(&self) -> BreakerState {
        self.breaker.state(self.clock.monotonic())
    }

    /// Returns how many calls the budget would let through at once: for unknown and known tokens.
    pub(crate) fn budget_left(&self) -> (u32, u32) {
        self.budget.left(self.clock.monotonic())
    }

    pub(crate) fn free_slots(&self) -> usize {
        self.in_flight.available_permits()
    }

    pub(crate) fn reports(&self) -> &Reports {
        &self.reports
    }

    /// Notes that calls cannot be made at all, before one was tried.
    pub(crate) fn note(&self, failure: Failure) {
        self.reports.note(failure, self.clock.unix_time());
    }
}

impl Pass<'_> {
    /// Clerk answered as it should, whatever it said about the token.
    pub(crate) fn worked(self) {
        self.upstream.breaker.worked();
        self.upstream.reports.worked();
    }

    /// Clerk did not answer, or answered with an error of its own.
    pub(crate) fn failed(self) {
        self.upstream
            .breaker
            .failed(self.upstream.clock.monotonic());
        self.upstream.note((Trouble::Failing, None));
    }

    /// Clerk asks for fewer calls.
    pub(crate) fn throttled(self, delay: Option<Duration>) -> AuthError {
        let now = self.upstream.clock.monotonic();
        let pause = self.upstream.breaker.pause(now, delay);
        let until = now.saturating_add(pause);
        self.upstream.budget.throttled(self.since, now, until);
        self.upstream.note((Trouble::RateLimited, None));
        AuthError::retry_after(Reason::RateLimited, pause)
    }

    /// An answer came that cannot be read. It says nothing about whether the next one can: a
    /// sender who finds a token with a strange answer must not be able to hold calls back.
    pub(crate) fn unreadable(self) {
        self.upstream.breaker.worked();
        self.upstream.note((Trouble::Unreadable, None));
    }

    /// Clerk refuses the secret of this service that this setting holds.
    pub(crate) fn refused(self, setting: &'static str) {
        self.upstream.breaker.worked();
        self.upstream.note((Trouble::Credentials, Some(setting)));
    }
}
