//! How a fault closes the connection that it was met on.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Asks for the close of one connection.
#[derive(Debug, Default)]
pub(super) struct Close {
    asked: Notify,
    by_reset: AtomicBool,
}

impl Close {
    /// Closes the connection, also where it carries other requests (HTTP/2).
    pub(super) fn close(&self) {
        self.asked.notify_one();
    }

    /// Closes it by a TCP reset.
    pub(super) fn reset(&self) {
        self.by_reset.store(true, Ordering::Relaxed);
        self.close();
    }

    /// Returns `true` if the close has to be a reset.
    pub(super) fn is_reset(&self) -> bool {
        self.by_reset.load(Ordering::Relaxed)
    }

    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }
}
