//! Lets a fault close its connection.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Requests that a connection is closed.
#[derive(Debug, Default)]
pub(super) struct Close {
    asked: Notify,
    by_reset: AtomicBool,
}

impl Close {
    /// Closes the connection, even if it carries other requests (HTTP/2).
    pub(super) fn close(&self) {
        self.asked.notify_one();
    }

    /// Closes the connection with a TCP reset.
    pub(super) fn reset(&self) {
        self.by_reset.store(true, Ordering::Relaxed);
        self.close();
    }

    /// Returns `true` if the connection must be reset.
    pub(super) fn is_reset(&self) -> bool {
        self.by_reset.load(Ordering::Relaxed)
    }

    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }
}
