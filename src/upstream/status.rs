//! Reports what is wrong with Clerk or with our access to it, when it starts and when it ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::millis;
use crate::problem::{Failure, ProblemRecord, UpstreamProblem};
use crate::setting::SECRET_KEY;
use crate::stats::HeldBackCounters;

/// A saturated budget is reported at most once in this time.
const QUIET: Duration = Duration::from_secs(10);

/// The state that is reported, one for each authenticator.
#[derive(Debug, Default)]
pub(crate) struct UpstreamStatus {
    calls: ProblemRecord,
    saturated: AtomicU64,
    next_warning: AtomicU64,
    held_back: HeldBackCounters,
}

impl UpstreamStatus {
    pub(super) fn note(&self, failure: Failure, wall: Duration) {
        if self.calls.failed(failure, wall) {
            announce(failure);
        }
    }

    pub(super) fn worked(&self) {
        if self.calls.worked() == Some(UpstreamProblem::Credentials) {
            tracing::info!("Clerk accepts the secret of this service again");
        }
    }

    pub(crate) const fn held_back(&self) -> &HeldBackCounters {
        &self.held_back
    }

    /// Records that a known token could not be refreshed within the budget.
    pub(super) fn saturated(&self, now: Duration) {
        self.saturated.fetch_add(1, Ordering::Relaxed);
        let now = millis(now);
        let due = self.next_warning.load(Ordering::Relaxed);
        let next = now.saturating_add(millis(QUIET));
        let swap = || {
            let swapped =
                self.next_warning
                    .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed);
            swapped.is_ok()
        };
        if now >= due && swap() {
            tracing::warn!(
                "known tokens cannot be refreshed within the call budget; raise the call budget or the fresh time"
            );
        }
    }

    /// Returns how often a known token could not be refreshed within the budget.
    pub(crate) fn throttled_refreshes(&self) -> u64 {
        self.saturated.load(Ordering::Relaxed)
    }

    /// Returns the current and the last problem with the calls.
    pub(crate) const fn calls(&self) -> &ProblemRecord {
        &self.calls
    }
}

fn announce((problem, setting): Failure) {
    match problem {
        UpstreamProblem::Credentials => tracing::error!(
            "Clerk refuses the secret of this service; check {}. Tokens that are not cached are \
             answered with 503",
            setting.unwrap_or(SECRET_KEY)
        ),
        UpstreamProblem::Quota => tracing::error!(
            "a quota at Clerk is used up, or the plan does not hold what is asked for; see the usage \
             and the plan in Clerk's dashboard. Tokens that are not remembered are answered with 503"
        ),
        UpstreamProblem::RateLimited => tracing::warn!("Clerk rate-limits this service (429)"),
        UpstreamProblem::Failing => tracing::warn!("a call to Clerk failed"),
        UpstreamProblem::Unreadable => {
            tracing::error!("Clerk sent a response that cannot be read");
        }
    }
}
