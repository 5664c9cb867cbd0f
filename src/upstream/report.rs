//! What is wrong with Clerk or with our standing there, reported when it starts and when it ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trouble {
    /// Clerk does not answer, or answers with errors of its own.
    Failing,
    /// Clerk answers with something that cannot be read.
    Unreadable,
    /// Clerk asks for fewer calls.
    RateLimited,
    /// Clerk refuses the secret of this service.
    Credentials,
}

/// The last thing that went wrong, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LastError {
    /// What it was.
    pub trouble: Trouble,
    /// When it was, by the wall clock.
    pub at: SystemTime,
}

/// A saturated lane is reported at most once in this time.
const QUIET: Duration = Duration::from_secs(10);

/// The state that is reported; one for each authenticator.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    state: Mutex<State>,
    saturated: AtomicU64,
    next_warning: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    now: Option<Trouble>,
    last: Option<LastError>,
}

impl Reports {
    pub(super) fn note(&self, trouble: Trouble, wall: Duration) {
        let mut state = self.lock();
        let at = UNIX_EPOCH.checked_add(wall).unwrap_or(UNIX_EPOCH);
        state.last = Some(LastError { trouble, at });
        if state.now.replace(trouble) != Some(trouble) {
            announce(trouble);
        }
    }

    pub(super) fn worked(&self) {
        if self.lock().now.take() == Some(Trouble::Credentials) {
            tracing::info!("Clerk accepts the secret of this service again");
        }
    }

    /// Known tokens could not be verified again for want of budget.
    pub(super) fn saturated(&self, now: Duration) {
        self.saturated.fetch_add(1, Ordering::Relaxed);
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let due = self.next_warning.load(Ordering::Relaxed);
        let next = now.saturating_add(QUIET.as_millis() as u64);
        let swap = || {
            let swapped =
                self.next_warning
                    .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed);
            swapped.is_ok()
        };
        if now >= due && swap() {
            tracing::warn!(
                "known tokens cannot be verified in time; raise the call budget or the fresh time"
            );
        }
    }

    /// Returns how often a known token could not be verified again for want of budget.
    pub(crate) fn saturations(&self) -> u64 {
        self.saturated.load(Ordering::Relaxed)
    }

    /// Returns what is wrong now.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.lock().now
    }

    pub(crate) fn last_error(&self) -> Option<LastError> {
        self.lock().last
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn announce(trouble: Trouble) {
    match trouble {
        Trouble::Credentials => tracing::error!(
            "Clerk refuses the secret of this service; check CLERK_SECRET_KEY and \
             CLERK_MACHINE_SECRET_KEY. Tokens that are not remembered are answered with 503"
        ),
        Trouble::RateLimited => tracing::warn!("Clerk asks for fewer calls"),
        Trouble::Failing => tracing::warn!("a call to Clerk failed"),
        Trouble::Unreadable => tracing::error!("Clerk answered with something that cannot be read"),
    }
}
