//! A shared handle to work that runs in a task of its own.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::AdminError;
use crate::clock;
use crate::tasks::{SharedTask, TaskError, runtime};

type Outcome<T> = Result<T, AdminError>;

/// Completes when a piece of work has ended or must be stuck. It has no result of its own.
pub(super) type Done = SharedTask<()>;

/// A shared handle to a piece of work. Any number of holders get one outcome, and dropping a handle
/// does not cancel the work. A panic in the work, or the shutdown of its runtime, becomes an error.
#[derive(Debug, Clone)]
pub(super) struct SharedWork<T>(SharedTask<Outcome<T>>);

impl<T: Clone + Send + Sync + 'static> SharedWork<T> {
    /// Starts the work after the previous work has ended.
    ///
    /// `longest` is the maximum duration of the work, which its own timeouts enforce.
    pub(super) fn start(
        before: Option<Done>,
        longest: Duration,
        work: impl Future<Output = Outcome<T>> + Send + 'static,
    ) -> Result<(Self, Done), AdminError> {
        let runtime = runtime().map_err(|_| AdminError::interrupted())?;
        let until = until(before.as_ref(), longest);
        let (sender, task) = SharedTask::new(until);
        let (ended, done) = SharedTask::new(until);
        runtime.spawn(async move {
            // Dropped on every path, which lets the next work start.
            let _ended = ended;
            if let Some(before) = before {
                let until = before.until();
                before.result(until).await.ok();
            }
            let outcome = work.await;
            sender.send_replace(Some(outcome));
        });
        Ok((Self(task), done))
    }

    /// Returns `true` while the work is in progress. A task that was cancelled or is stuck does not
    /// count.
    pub(super) fn is_running(&self) -> bool {
        self.0.peek().is_none() && !self.0.is_gone()
    }

    /// Returns `true` if the work ended without an outcome, or is stuck.
    pub(super) fn is_gone(&self) -> bool {
        self.0.is_gone()
    }

    /// Returns the error of the work, if it has failed.
    pub(super) fn failure(&self) -> Option<AdminError> {
        self.0.peek()?.err()
    }

    /// Waits for the outcome. Fails if there will be none.
    pub(super) async fn outcome(self) -> Result<Outcome<T>, TaskError> {
        let until = self.0.until();
        self.0.result(until).await
    }
}

fn until(before: Option<&Done>, longest: Duration) -> Instant {
    let until = clock::after(longest);
    let before = before.filter(|done| !done.is_gone());
    before
        .and_then(|done| done.until().checked_add(longest))
        .map_or(until, |later| later.max(until))
}
