//! Background work that ends with its owner, and the waiting for it.

use std::future::Future;
use std::panic::catch_unwind;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::clock;

/// How long after its own deadline a task may still deliver. A task gives up by a timer of its own;
/// this covers the time until that timer is seen on a busy machine.
const SLACK: Duration = Duration::from_millis(250);

/// Why nothing can be run here.
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

/// Spawns tasks on behalf of [`Tasks`], which may be gone by then: they are then cancelled at once.
#[derive(Debug, Clone)]
pub(crate) struct Spawner {
    running: TaskTracker,
    cancelled: CancellationToken,
    timeout: Duration,
}

/// What a request that has to wait is given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait<'a> {
    pub(crate) tasks: &'a Tasks,
    /// When the request gives up; `None` until it has to wait for the first time.
    pub(crate) deadline: Option<Instant>,
}

impl Wait<'_> {
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline.unwrap_or_else(|| self.tasks.deadline())
    }
}

impl Tasks {
    /// Each task gives up on its own after `timeout`, and so does each request that waits.
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

    /// Returns when a request gives up that begins to wait now.
    pub(crate) fn deadline(&self) -> Instant {
        self.spawner.deadline()
    }

    /// Cancels what runs and waits until it has ended, or must be on a runtime that stands still.
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

    /// Returns how many tasks are running.
    pub(crate) fn running(&self) -> usize {
        self.spawner.running.len()
    }
}

impl Spawner {
    pub(crate) fn deadline(&self) -> Instant {
        clock::after(self.timeout)
    }

    /// Runs a future until it ends or the owner is dropped.
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

/// Returns the runtime to spawn on: that of the caller.
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

/// Makes a timer to see whether the runtime has any: Tokio tells in no other way, and without this
/// every wait would panic in the task of the request.
fn has_timers() -> bool {
    catch_unwind(|| drop(sleep(Duration::ZERO))).is_ok()
}

/// Why a task gave no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskError {
    /// It panicked or was cancelled, or its runtime ended.
    Lost,
    /// It has not ended although its deadline is over: nothing drives its runtime.
    Stuck,
    /// The deadline of the caller came first.
    Late,
}

/// A task that any number of callers wait for; none of them takes it along when it leaves.
#[derive(Debug, Clone)]
pub(crate) struct SharedTask<T> {
    result: watch::Receiver<Option<T>>,
    /// When the task gives up on its own.
    until: Instant,
}

impl<T: Clone> SharedTask<T> {
    /// Creates the handle of a task, and the sender that the task takes with it.
    pub(crate) fn new(until: Instant) -> (watch::Sender<Option<T>>, Self) {
        let (sender, result) = watch::channel(None);
        (sender, Self { result, until })
    }

    /// Returns when the task gives up on its own.
    pub(crate) const fn until(&self) -> Instant {
        self.until
    }

    /// Returns the result, if there is one yet.
    pub(crate) fn peek(&self) -> Option<T> {
        self.result.borrow().clone()
    }

    /// Returns `true` if no result is there and none will come.
    pub(crate) fn is_gone(&self) -> bool {
        // In this order: a result that comes in between is not taken for a loss.
        let is_lost = self.result.has_changed().is_err();
        let is_over = is_lost || Instant::now() >= overdue(self.until);
        is_over && self.result.borrow().is_none()
    }

    /// Returns `true` if both are handles of one task.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.result.same_channel(&other.result)
    }

    /// Waits for the result, until the deadline or until the task must be stuck.
    pub(crate) async fn result(mut self, deadline: Instant) -> Result<T, TaskError> {
        // Whoever begins a task has a deadline a moment before the task's own.
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
