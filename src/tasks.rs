//! Background tasks that end with their owner, and handles to wait for them.

use std::future::Future;
use std::panic::catch_unwind;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::clock;

/// How long after its own deadline a task may still deliver its result. A task gives up by a timer of
/// its own. This covers the time until that timer fires on a busy machine.
const SLACK: Duration = Duration::from_millis(250);

/// Why nothing can be spawned here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRuntime {
    /// The caller is not inside a Tokio runtime.
    Missing,
    /// The runtime was built without timers.
    WithoutTimers,
}

/// Spawns tasks and cancels them when it is dropped.
#[derive(Debug)]
pub(crate) struct Tasks {
    spawner: Spawner,
    _cancel_on_drop: DropGuard,
}

/// Spawns tasks on behalf of [`Tasks`]. If that was dropped, the tasks are cancelled at once.
#[derive(Debug, Clone)]
pub(crate) struct Spawner {
    running: TaskTracker,
    cancelled: CancellationToken,
    timeout: Duration,
}

/// How a request may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait<'a> {
    pub(crate) tasks: &'a Tasks,
    /// When the request gives up. `None` until it has to wait for the first time.
    pub(crate) deadline: Option<Instant>,
}

impl Wait<'_> {
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline.unwrap_or_else(|| self.tasks.deadline())
    }
}

impl Tasks {
    /// Each task gives up by itself after `timeout`, and so does each request that waits.
    pub(crate) fn new(timeout: Duration) -> Self {
        let cancelled = CancellationToken::new();
        let _cancel_on_drop = cancelled.clone().drop_guard();
        let spawner = Spawner {
            running: TaskTracker::new(),
            cancelled,
            timeout,
        };
        Self {
            spawner,
            _cancel_on_drop,
        }
    }

    pub(crate) const fn spawner(&self) -> &Spawner {
        &self.spawner
    }

    /// Returns when a request that starts to wait now gives up.
    pub(crate) fn deadline(&self) -> Instant {
        self.spawner.deadline()
    }

    /// Cancels all tasks, and waits until they have ended or must be on a runtime that nobody drives.
    pub(crate) async fn shutdown(&self) {
        let Spawner {
            running, cancelled, ..
        } = &self.spawner;
        cancelled.cancel();
        running.close();
        if !running.is_empty() && runtime().is_ok() {
            timeout_at(self.deadline(), running.wait()).await.ok();
        }
    }

    /// Returns the number of running tasks.
    pub(crate) fn running(&self) -> usize {
        self.spawner.running.len()
    }
}

impl Spawner {
    pub(crate) fn deadline(&self) -> Instant {
        clock::after(self.timeout)
    }

    /// Runs a future until it completes or the owner is dropped.
    pub(crate) fn spawn<F>(&self, runtime: &Handle, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let cancelled = self.cancelled.clone();
        let work = async move {
            cancelled.run_until_cancelled(work).await;
        };
        self.running.spawn_on(work, runtime);
    }
}

/// Returns the runtime to spawn on: the caller's.
pub(crate) fn runtime() -> Result<Handle, NoRuntime> {
    let runtime = Handle::try_current().map_err(|_| NoRuntime::Missing)?;
    if has_timers() {
        return Ok(runtime);
    }
    tracing::error!(
        "the Tokio runtime has no timers: build it with `enable_time` or `enable_all`. Tokens that \
         are not remembered are answered with 500"
    );
    Err(NoRuntime::WithoutTimers)
}

/// Returns `true` if the runtime has timers, by creating one. Tokio offers no other way to find out.
/// Without this check, every wait would panic in the task of the request.
fn has_timers() -> bool {
    catch_unwind(|| drop(sleep(Duration::ZERO))).is_ok()
}

/// Why a task gave no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskError {
    /// The task panicked or was cancelled, or its runtime shut down.
    Lost,
    /// The task has not ended although its deadline has passed: nothing drives its runtime.
    Stuck,
    /// The deadline of the caller passed first.
    Late,
}

/// A task that any number of callers wait for. Cancelling a caller does not cancel the task.
#[derive(Debug, Clone)]
pub(crate) struct SharedTask<T> {
    result: watch::Receiver<Option<T>>,
    /// When the task gives up by itself.
    until: Instant,
}

impl<T: Clone> SharedTask<T> {
    /// Creates the handle of a task, and the sender for its result.
    pub(crate) fn new(until: Instant) -> (watch::Sender<Option<T>>, Self) {
        let (sender, result) = watch::channel(None);
        (sender, Self { result, until })
    }

    /// Returns when the task gives up by itself.
    pub(crate) const fn until(&self) -> Instant {
        self.until
    }

    /// Returns the result, if there is one yet.
    pub(crate) fn peek(&self) -> Option<T> {
        self.result.borrow().clone()
    }

    /// Returns `true` if there is no result and none will come.
    pub(crate) fn is_gone(&self) -> bool {
        // In this order, so that a result that arrives in between is not mistaken for a loss.
        let is_lost = self.result.has_changed().is_err();
        let is_over = is_lost || Instant::now() >= overdue(self.until);
        is_over && self.result.borrow().is_none()
    }

    /// Returns `true` if both are handles of the same task.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.result.same_channel(&other.result)
    }

    /// Waits for the result, until the deadline or until the task must be stuck.
    pub(crate) async fn result(mut self, deadline: Instant) -> Result<T, TaskError> {
        // The caller that starts a task has a deadline slightly before the task's own.
        let (end, why) = if self.until <= overdue(deadline) {
            (overdue(self.until), TaskError::Stuck)
        } else {
            (deadline, TaskError::Late)
        };
        match timeout_at(end, self.result.wait_for(Option::is_some)).await {
            Ok(Ok(result)) => result.clone().ok_or(TaskError::Lost),
            Ok(Err(_)) => Err(TaskError::Lost),
            Err(_) => Err(why),
        }
    }
}

fn overdue(until: Instant) -> Instant {
    until.checked_add(SLACK).unwrap_or(until)
}
