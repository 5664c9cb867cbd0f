//! Looks up a verdict: cached, fetched, or stale while Clerk cannot be called.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;

use super::key::CacheKey;
use super::verdicts::{CacheState, CacheValue, Fetched, Outcome, Priority, VerdictCache};
use crate::error::{AuthError, Reason};
use crate::stats::Source;
use crate::tasks::{TaskError, Wait};

/// A value that is ready, or a future of one.
pub(crate) enum Lookup<V> {
    Ready(Result<V, AuthError>),
    Pending(BoxFuture<'static, Result<V, AuthError>>),
}

impl<V: Send + 'static> Lookup<V> {
    /// Continues with the value, immediately or when it is ready.
    pub(crate) fn and_then<U>(
        self,
        next: impl FnOnce(V) -> Result<U, AuthError> + Send + 'static,
    ) -> Lookup<U> {
        match self {
            Self::Ready(value) => Lookup::Ready(value.and_then(next)),
            Self::Pending(value) => Lookup::Pending(Box::pin(async { next(value.await?) })),
        }
    }

    pub(crate) async fn into_result(self) -> Result<V, AuthError> {
        match self {
            Self::Ready(answer) => answer,
            Self::Pending(answer) => answer.await,
        }
    }
}

impl<V: Clone + CacheValue + Send + Sync + 'static> VerdictCache<V> {
    /// Returns the cached verdict if possible, and fetches it otherwise.
    ///
    /// A verdict that is due for a refresh is returned immediately and refreshed in the background. A
    /// stale verdict is returned only if the fetch fails. `fetch` is called only if a fetch is needed.
    pub(crate) fn get_or_fetch<F, Q>(
        self: &Arc<Self>,
        key: CacheKey,
        now: Duration,
        wait: Wait<'_>,
        fetch: impl FnOnce() -> Q,
    ) -> (Lookup<V>, Source)
    where
        F: Future<Output: Into<Fetched<V>>> + Send + 'static,
        Q: Fn(Priority) -> F + Send + Sync + 'static,
    {
        match self.get(&key, now) {
            CacheState::Fresh(value) => (Lookup::Ready(Ok(value)), Source::Hit),
            CacheState::RefreshDue(value) => {
                // The next lookup shows whether it succeeded.
                let _detached = self.fetch(key, Priority::Revalidation, wait.tasks, fetch());
                (Lookup::Ready(Ok(value)), Source::Hit)
            }
            CacheState::Rejected(reason) => (Lookup::Ready(Err(reason.into())), Source::Negative),
            CacheState::Stale(_) | CacheState::Invalidated => {
                self.later(key, Priority::Revalidation, wait, fetch())
            }
            CacheState::Miss => self.later(key, Priority::New, wait, fetch()),
        }
    }

    fn later<F>(
        self: &Arc<Self>,
        key: CacheKey,
        priority: Priority,
        wait: Wait<'_>,
        fetch: impl Fn(Priority) -> F + Send + Sync + 'static,
    ) -> (Lookup<V>, Source)
    where
        F: Future<Output: Into<Fetched<V>>> + Send + 'static,
    {
        let deadline = wait.deadline();
        let waiter = match self.fetch(key, priority, wait.tasks, fetch) {
            Ok(waiter) => waiter,
            Err(error) => {
                let error = Reason::from(error).into();
                return (Lookup::Ready(Err(error)), Source::Miss);
            }
        };
        let source = match waiter.is_joined() {
            true => Source::Joined,
            false => Source::Miss,
        };
        let cache = Arc::clone(self);
        let answer = Lookup::Pending(Box::pin(async move {
            let outcome = waiter.result(deadline).await;
            cache.settle(&key, outcome)
        }));
        (answer, source)
    }

    fn settle(
        &self,
        key: &CacheKey,
        outcome: Result<Outcome<V>, TaskError>,
    ) -> Result<V, AuthError> {
        let error = match outcome {
            Ok(Outcome::Valid(value)) => return Ok(value),
            Ok(Outcome::Rejected(reason)) => return Err(reason.into()),
            Ok(Outcome::Unavailable(error)) => error,
            Err(error) => Reason::from(error).into(),
        };
        // The fetch took time: the cached verdict may have expired by now.
        match self.get(key, self.now()) {
            CacheState::Fresh(mut value)
            | CacheState::RefreshDue(mut value)
            | CacheState::Stale(mut value) => {
                value.mark_stale();
                tracing::warn!(
                    reason = error.reason(),
                    "using a stale verdict because Clerk cannot be called"
                );
                Ok(value)
            }
            CacheState::Rejected(reason) => Err(reason.into()),
            CacheState::Invalidated | CacheState::Miss => Err(error),
        }
    }
}
