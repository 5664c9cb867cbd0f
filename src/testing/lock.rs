//! Locking without poisoning.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks even after a panic: a failed test must not make others fail.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
