//! Background work that ends with its owner.

use std::future::Future;

use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// There is no Tokio runtime to run on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoRuntime;

/// Spawns tasks and cancels them when it is dropped.
#[derive(Debug)]
pub(crate) struct Tasks {
    running: TaskTracker,
    cancelled: CancellationToken,
    _cancel_on_drop: DropGuard,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        let cancelled = CancellationToken::new();
        let _cancel_on_drop = cancelled.clone().drop_guard();
        Self {
            running: TaskTracker::new(),
            cancelled,
            _cancel_on_drop,
        }
    }

    /// Returns the runtime to spawn on: that of the caller.
    pub(crate) fn runtime() -> Result<Handle, NoRuntime> {
        Handle::try_current().map_err(|_| NoRuntime)
    }

    /// Runs a future until it ends or this is dropped.
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

    /// Cancels what runs and waits until it has ended.
    pub(crate) async fn shutdown(&self) {
        self.cancelled.cancel();
        self.running.close();
        self.running.wait().await;
    }

    /// Returns how many tasks are running.
    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }
}
