//! Guards the calls that verify tokens: a budget, a bound on calls in flight, a circuit breaker.
//!
//! 1. Calls share one budget. Unknown tokens may use a part of it; known ones have a part of their
//!    own and whatever unknown ones leave. So it is with the places for calls under way. A quarter
//!    of the unknown ones' part is for those that were refused and have come back.
//! 2. Over budget a call waits at most 100 ms, and is refused if that is not enough. While too
//!    many are under way it waits for a place for half of its time: the rest is for the call.
//! 3. After failures in a row, of three tokens or more, calls are refused at once, save for one try
//!    in each half second, which known tokens may make first.
//! 4. A token whose own calls fail in a row is asked about once in a second, and holds no other
//!    token back.
//! 5. Where a quota is used up, nothing more of its kind is asked for a while.
//! 6. Clerk's `Retry-After` is kept, up to a bound, and the budget is halved at a 429; it comes
//!    back by a twentieth in each second.

mod aimd;
mod breaker;
mod budget;
mod call;
mod concurrency;
mod greylist;
#[cfg(test)]
mod newcomers_tests;
mod outliers;
#[cfg(test)]
mod replicas_tests;
mod status;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

pub use self::breaker::BreakerState;
use self::breaker::{Admission, Breaker};
use self::budget::Budget;
pub(crate) use self::budget::BudgetConfig;
pub(crate) use self::call::{CallInfo, Endpoint};
use self::concurrency::{ConcurrencyLimit, Slot};
use self::greylist::Greylist;
use self::status::UpstreamStatus;
use crate::backend::ResponseClass;
use crate::cache::Priority;
use crate::clock::Clock;
use crate::error::{AuthError, Reason};
use crate::problem::{Failure, UpstreamProblem};

/// The longest wait for the budget.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// The gate in front of Clerk; all calls that verify something pass through it.
#[derive(Debug)]
pub(crate) struct UpstreamGuard {
    budget: Budget,
    breaker: Breaker,
    concurrency: ConcurrencyLimit,
    greylist: Greylist,
    status: UpstreamStatus,
    clock: Arc<dyn Clock>,
}

/// Leave to make one call. Dropped without a report, it says nothing about Clerk's health.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    upstream: &'a UpstreamGuard,
    call: CallInfo,
    /// When it was given, on the monotonic clock.
    since: Duration,
    _slot: Slot,
}

impl UpstreamGuard {
    pub(crate) fn new(budget: BudgetConfig, in_flight: usize, clock: Arc<dyn Clock>) -> Self {
        Self {
            budget: Budget::new(budget, clock.monotonic()),
            breaker: Breaker::default(),
            concurrency: ConcurrencyLimit::new(in_flight),
            greylist: Greylist::default(),
            status: UpstreamStatus::default(),
            clock,
        }
    }

    /// Waits for leave to make one call, or fails at once where there is none.
    ///
    /// The breaker is asked first: a call that it refuses costs no budget. It is asked again after
    /// the waits, since calls that were under way meanwhile may have ended in a pause.
    pub(crate) async fn acquire(
        &self,
        call: CallInfo,
        deadline: Instant,
    ) -> Result<Permit<'_>, AuthError> {
        let (admission, wait) = self.admit(&call, self.clock.monotonic())?;
        if !wait.is_zero() {
            sleep(wait).await;
        }
        let patience = deadline.saturating_duration_since(Instant::now());
        let slot = self
            .concurrency
            .take(call.priority, patience.mul_f64(0.5))
            .await;
        let slot = slot.ok_or_else(|| self.refuse(call.priority, Duration::ZERO))?;
        let now = self.clock.monotonic();
        self.breaker.check_again(&call, admission, now)?;
        Ok(Permit {
            upstream: self,
            call,
            since: now,
            _slot: slot,
        })
    }

    /// Returns how long the call has to wait for the budget, if it may be made at all.
    fn admit(&self, call: &CallInfo, now: Duration) -> Result<(Admission, Duration), AuthError> {
        let admission = self.breaker.check(call, now)?;
        let priority = self.lane_of(call, now);
        let taken = self.budget.take(priority, now);
        match (priority, &taken) {
            (Priority::Returning, Ok(_)) => self.greylist.let_in(&call.key),
            (Priority::New, Err(_)) => self.greylist.refused(&call.key, now),
            _ => {}
        }
        taken
            .map(|wait| (admission, wait))
            .map_err(|wait| self.refuse(priority, wait))
    }

    fn lane_of(&self, call: &CallInfo, now: Duration) -> Priority {
        let is_unknown = call.priority == Priority::New;
        if is_unknown && self.greylist.has_come_back(&call.key, now) {
            return Priority::Returning;
        }
        call.priority
    }

    /// Takes leave for one more try of a call that has been let in, if that needs no wait.
    pub(crate) fn may_retry(&self, priority: Priority) -> bool {
        let now = self.clock.monotonic();
        !self.breaker.is_paused(now) && self.budget.take_at_once(priority, now)
    }

    fn refuse(&self, priority: Priority, wait: Duration) -> AuthError {
        if priority == Priority::Revalidation {
            self.status.saturated(self.clock.monotonic());
        }
        AuthError::unavailable_for(Reason::Overload, wait)
    }

    pub(crate) fn breaker(&self) -> BreakerState {
        self.breaker.state(self.clock.monotonic())
    }

    /// Returns how many calls the budget would let through at once: for unknown and known tokens.
    pub(crate) fn budget_left(&self) -> (u32, u32) {
        self.budget.left(self.clock.monotonic())
    }

    pub(crate) fn free_slots(&self) -> usize {
        self.concurrency.free()
    }

    pub(crate) fn status(&self) -> &UpstreamStatus {
        &self.status
    }

    /// Notes that calls cannot be made at all, before one was tried.
    pub(crate) fn note(&self, failure: Failure) {
        self.status.note(failure, self.clock.unix_time());
    }
}

impl Permit<'_> {
    /// Reports what an answer says of Clerk.
    ///
    /// # Errors
    ///
    /// Fails with what to answer a request with if it says nothing about what was asked.
    pub(crate) fn report(
        self,
        class: ResponseClass,
        delay: Option<Duration>,
        setting: &'static str,
    ) -> Result<(), AuthError> {
        match class {
            ResponseClass::Ok | ResponseClass::InvalidToken => {
                self.success();
                return Ok(());
            }
            ResponseClass::RateLimited => return Err(self.rate_limited(delay)),
            ResponseClass::QuotaExceeded => return Err(self.quota_exceeded(delay)),
            ResponseClass::SecretRejected | ResponseClass::Forbidden => {
                self.secret_refused(setting);
            }
            ResponseClass::ServerError => self.failure(),
            ResponseClass::Unexpected => self.unreadable_answer(),
        }
        Err(match delay {
            Some(delay) => AuthError::unavailable_for(class.reason(), delay),
            None => class.reason().into(),
        })
    }

    /// Reports that no answer came, or one that was not read, which says nothing about whether Clerk
    /// works for other tokens.
    pub(crate) fn report_lost(self, is_unreadable: bool) -> AuthError {
        if is_unreadable {
            self.unreadable_answer();
            return Reason::UpstreamAnswer.into();
        }
        self.failure();
        Reason::Upstream.into()
    }

    /// Clerk answered as it should, whatever it said about the token.
    fn success(self) {
        self.upstream.breaker.worked(&self.call.key);
        self.upstream.status.worked();
    }

    /// Clerk did not answer, or answered with an error of its own.
    fn failure(self) {
        self.upstream.breaker.failed(self.call.key, self.now());
        self.upstream.note((UpstreamProblem::Failing, None));
    }

    /// Clerk asks for fewer calls.
    fn rate_limited(self, delay: Option<Duration>) -> AuthError {
        let now = self.now();
        let pause = self.upstream.breaker.pause(now, delay);
        let until = now.saturating_add(pause);
        self.upstream.budget.throttled(self.since, now, until);
        self.upstream.note((UpstreamProblem::RateLimited, None));
        AuthError::unavailable_for(Reason::RateLimited, pause)
    }

    /// A quota is used up, or the plan does not hold what was asked for.
    fn quota_exceeded(self, delay: Option<Duration>) -> AuthError {
        let breaker = &self.upstream.breaker;
        let pause = breaker.over_quota(&self.call, self.now(), delay);
        self.upstream.note((UpstreamProblem::Quota, None));
        AuthError::unavailable_for(Reason::Quota, pause)
    }

    /// An answer came that cannot be read. It says nothing about whether the next one can: a
    /// sender who finds a token with a strange answer must not be able to hold calls back.
    fn unreadable_answer(self) {
        let (key, now) = (self.call.key, self.now());
        self.upstream
            .breaker
            .unexpected(key, Reason::UpstreamAnswer, now);
        self.upstream.note((UpstreamProblem::Unreadable, None));
    }

    /// Clerk refuses the secret of this service that this setting holds.
    fn secret_refused(self, setting: &'static str) {
        let (key, now) = (self.call.key, self.now());
        let breaker = &self.upstream.breaker;
        breaker.refused(key, Reason::Credentials, now);
        self.upstream
            .note((UpstreamProblem::Credentials, Some(setting)));
    }

    fn now(&self) -> Duration {
        self.upstream.clock.monotonic()
    }
}
