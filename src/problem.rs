//! Problems between this service and Clerk, and a record of them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

use crate::clock;

/// A problem between this service and Clerk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UpstreamProblem {
    /// Clerk does not respond, or responds with server errors.
    Failing,
    /// Clerk's responses cannot be parsed.
    Unreadable,
    /// Clerk limits the rate of calls.
    RateLimited,
    /// Clerk refuses the secret of this service.
    Credentials,
    /// A quota is exhausted, or the plan lacks a feature (402, or a code such as
    /// `token_quota_exceeded`).
    Quota,
}

/// A problem and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LastError {
    /// The problem.
    pub problem: UpstreamProblem,
    /// The setting that may be wrong, if any, such as `secret_key (CLERK_SECRET_KEY)`.
    pub setting: Option<&'static str>,
    /// When it occurred, by the wall clock; serialized in milliseconds since the Unix epoch.
    #[serde(serialize_with = "millis")]
    pub at: SystemTime,
}

/// A failure as it is put on record: what it was, and the setting that may be to blame.
pub(crate) type Failure = (UpstreamProblem, Option<&'static str>);

/// What is wrong with one thing that is asked for, and what was wrong with it last.
#[derive(Debug, Default)]
pub(crate) struct ProblemRecord(Mutex<Entries>);

#[derive(Debug, Clone, Copy, Default)]
struct Entries {
    now: Option<LastError>,
    last: Option<LastError>,
}

impl ProblemRecord {
    /// Records a failure. Returns `true` if there was another problem, or none, before.
    pub(crate) fn failed(&self, (problem, setting): Failure, wall: Duration) -> bool {
        let at = UNIX_EPOCH.checked_add(wall).unwrap_or(UNIX_EPOCH);
        let error = LastError {
            problem,
            setting,
            at,
        };
        let mut entries = self.lock();
        entries.last = Some(error);
        let before = entries.now.replace(error);
        before.is_none_or(|before| (before.problem, before.setting) != (problem, setting))
    }

    /// Records a success. Returns the previous problem.
    pub(crate) fn worked(&self) -> Option<UpstreamProblem> {
        self.lock().now.take().map(|error| error.problem)
    }

    /// Returns the current problem.
    pub(crate) fn now(&self) -> Option<LastError> {
        self.lock().now
    }

    /// Returns the last problem, even if it is solved.
    pub(crate) fn last(&self) -> Option<LastError> {
        self.lock().last
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    serializer.serialize_u64(clock::millis(since))
}
