//! Guards the calls that verify tokens: a call budget, a bound on calls in flight, a circuit breaker.
//!
//! 1. All calls share one budget. Unknown tokens may use a part of it. Known tokens have a reserved
//!    part and whatever unknown ones leave. The slots for calls in flight are divided in the same way.
//!    A quarter of the unknown tokens' part is for those that were refused and have been retried.
//! 2. A call that exceeds the budget waits for at most 100 ms, and is refused if that is not enough.
//!    While all slots are in use, it waits for half of its timeout. The other half is for the call.
//! 3. After consecutive failures of at least three tokens, calls are refused at once, except for one
//!    probe every 500 ms, which known tokens may send first.
//! 4. A token whose own calls fail repeatedly is verified about once a second, and does not hold other
//!    tokens back.
//! 5. After a quota is used up, no calls are made to the same endpoint for a while.
//! 6. Clerk's `Retry-After` is honoured, up to a bound. The budget is halved at a 429, and recovers by
//!    a twentieth per second.
//! 7. The replicas of a fleet share one budget. A replica that is disconnected uses its share of it.

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
use crate::fleet::{Replica, Share};
use crate::problem::{Failure, UpstreamProblem};
use crate::stats::HeldBack;

/// The longest wait for the budget: short enough to go unnoticed by the client, long enough to smooth a
/// burst.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// The guard in front of Clerk. All calls that verify something pass through it.
#[derive(Debug)]
pub(crate) struct UpstreamGuard {
    budget: Budget,
    breaker: Breaker,
    concurrency: ConcurrencyLimit,
    greylist: Greylist,
    status: UpstreamStatus,
    clock: Arc<dyn Clock>,
    /// Those that the budget is shared with.
    fleet: Option<Arc<Replica>>,
}

/// Permission to make one call. Dropped without a report, it says nothing about Clerk's health.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    upstream: &'a UpstreamGuard,
    call: CallInfo,
    /// When it was acquired, on the monotonic clock.
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
            fleet: None,
        }
    }

    /// Shares the budget with the replicas of a fleet.
    pub(crate) fn with_fleet(self, fleet: Option<Arc<Replica>>) -> Self {
        Self { fleet, ..self }
    }

    /// Waits for permission to make one call.
    ///
    /// The breaker is checked first, so that a call that it refuses costs no budget. It is checked
    /// again after the waits, because calls that were in flight meanwhile may have led to a pause.
    pub(crate) async fn acquire(
        &self,
        call: CallInfo,
        deadline: Instant,
    ) -> Result<Permit<'_>, AuthError> {
        let (admission, wait) = self.admit(&call, self.clock.monotonic())?;
        let wait = wait.max(self.take_shared(&call).await?);
        if !wait.is_zero() {
            sleep(wait).await;
        }
        let patience = deadline.saturating_duration_since(Instant::now());
        let slot = self
            .concurrency
            .take(call.priority, patience.mul_f64(0.5))
            .await;
        let slot =
            slot.ok_or_else(|| self.refuse(call.priority, HeldBack::InFlight, Duration::ZERO))?;
        let now = self.clock.monotonic();
        let checked = self.breaker.check_again(&call, admission, now);
        checked.inspect_err(|_| self.held_back(HeldBack::Breaker))?;
        Ok(Permit {
            upstream: self,
            call,
            since: now,
            _slot: slot,
        })
    }

    /// Returns how long the call has to wait for the budget, if it may be made at all.
    fn admit(&self, call: &CallInfo, now: Duration) -> Result<(Admission, Duration), AuthError> {
        let admission = self.breaker.check(call, now);
        let admission = admission.inspect_err(|_| self.held_back(HeldBack::Breaker))?;
        let priority = self.lane_of(call, now);
        if let Some(fleet) = &self.fleet {
            self.budget.set_share(fleet.share());
        }
        let taken = self.budget.take(priority, now);
        match (priority, &taken) {
            (Priority::Returning, Ok(_)) => self.greylist.let_in(&call.key),
            (Priority::New, Err(_)) => self.greylist.refused(&call.key, now),
            _ => {}
        }
        taken
            .map(|wait| (admission, wait))
            .map_err(|wait| self.refuse(priority, HeldBack::Budget, wait))
    }

    /// Takes leave for the call from the budget of the fleet; returns how long it has to wait.
    async fn take_shared(&self, call: &CallInfo) -> Result<Duration, AuthError> {
        let Some(fleet) = &self.fleet else {
            return Ok(Duration::ZERO);
        };
        let is_known = call.priority == Priority::Revalidation;
        let wait = match fleet.take(is_known, call.patience).await {
            Share::Granted(wait) => wait,
            Share::Alone => Duration::ZERO,
            Share::Refused(wait) => {
                if call.priority == Priority::New {
                    self.greylist.refused(&call.key, self.clock.monotonic());
                }
                return Err(self.refuse(call.priority, HeldBack::Budget, wait));
            }
        };
        fleet.called();
        Ok(wait)
    }

    fn lane_of(&self, call: &CallInfo, now: Duration) -> Priority {
        let is_unknown = call.priority == Priority::New;
        if is_unknown && self.greylist.has_come_back(&call.key, now) {
            return Priority::Returning;
        }
        call.priority
    }

    /// Returns `true` if a call that was admitted may be retried without waiting, and charges the
    /// budget.
    pub(crate) fn may_retry(&self, priority: Priority) -> bool {
        let now = self.clock.monotonic();
        if self.breaker.is_paused(now) {
            return false;
        }
        // What is shared cannot be asked for at once.
        let fleet = self.fleet.as_ref().filter(|fleet| fleet.is_together());
        fleet.is_none_or(|fleet| fleet.take_own()) && self.budget.take_at_once(priority, now)
    }

    fn held_back(&self, why: HeldBack) {
        self.status.held_back().add(why);
    }

    fn refuse(&self, priority: Priority, why: HeldBack, wait: Duration) -> AuthError {
        self.held_back(why);
        if priority == Priority::Revalidation {
            self.status.saturated(self.clock.monotonic());
        }
        AuthError::unavailable_for(Reason::Overload, wait)
    }

    pub(crate) fn breaker(&self) -> BreakerState {
        self.breaker.state(self.clock.monotonic())
    }

    /// Returns how many calls the budget admits immediately, for unknown and for known tokens.
    pub(crate) fn budget_left(&self) -> (u32, u32) {
        self.budget.left(self.clock.monotonic())
    }

    pub(crate) fn free_slots(&self) -> usize {
        self.concurrency.free()
    }

    pub(crate) fn status(&self) -> &UpstreamStatus {
        &self.status
    }

    /// Records that calls cannot be made at all, before one was tried.
    pub(crate) fn note(&self, failure: Failure) {
        self.status.note(failure, self.clock.unix_time());
    }
}

impl Permit<'_> {
    /// Reports what a response says about Clerk.
    ///
    /// # Errors
    ///
    /// Returns the error to reject the request with, if the response says nothing about the token.
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

    /// Reports that no response arrived, or one that was not read. That says nothing about whether
    /// Clerk works for other tokens.
    pub(crate) fn report_lost(self, is_unreadable: bool) -> AuthError {
        if is_unreadable {
            self.unreadable_answer();
            return Reason::UpstreamAnswer.into();
        }
        self.failure();
        Reason::Upstream.into()
    }

    /// Clerk responded as documented, whatever it said about the token.
    fn success(self) {
        self.upstream.breaker.worked(&self.call.key);
        self.upstream.status.worked();
    }

    /// Clerk did not respond, or responded with a server error.
    fn failure(self) {
        self.upstream.breaker.failed(self.call.key, self.now());
        self.upstream.note((UpstreamProblem::Failing, None));
    }

    /// Clerk rate-limits this service.
    fn rate_limited(self, delay: Option<Duration>) -> AuthError {
        let now = self.now();
        let pause = self.upstream.breaker.pause(now, delay);
        let until = now.saturating_add(pause);
        self.upstream.budget.throttled(self.since, now, until);
        self.upstream.note((UpstreamProblem::RateLimited, None));
        AuthError::unavailable_for(Reason::RateLimited, pause)
    }

    /// A quota is used up, or the plan does not include the endpoint.
    fn quota_exceeded(self, delay: Option<Duration>) -> AuthError {
        let breaker = &self.upstream.breaker;
        let pause = breaker.over_quota(&self.call, self.now(), delay);
        self.upstream.note((UpstreamProblem::Quota, None));
        AuthError::unavailable_for(Reason::Quota, pause)
    }

    /// The response cannot be read. That says nothing about the next one: a sender who finds a token
    /// with an unusual response must not be able to hold other calls back.
    fn unreadable_answer(self) {
        let (key, now) = (self.call.key, self.now());
        self.upstream
            .breaker
            .unexpected(key, Reason::UpstreamAnswer, now);
        self.upstream.note((UpstreamProblem::Unreadable, None));
    }

    /// Clerk refuses the secret of this service that this setting contains.
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
