//! Finds an answer: remembered, asked for, or past its time while nobody can be asked.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;

use super::key::CacheKey;
use super::verdicts::{CacheState, CacheValue, Outcome, Priority, VerdictCache};
use crate::error::{AuthError, Reason};
use crate::tasks::{TaskError, Wait};

/// An answer at once, or one to wait for.
pub(crate) enum Lookup<V> {
    Ready(Result<V, AuthError>),
    Pending(BoxFuture<'static, Result<V, AuthError>>),
}

impl<V: Send + 'static> Lookup<V> {
    /// Goes on with the value, at once or when it is there.
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
    /// Answers from memory where it can, and asks where it must.
    ///
    /// An answer that is due for renewal is given at once and renewed behind the request's back.
    /// One that is past its time is given only if asking fails. `fetch` is made only where it
    /// has to be asked.
    pub(crate) fn get_or_fetch<F, Q>(
        self: &Arc<Self>,
        key: CacheKey,
        now: Duration,
        wait: Wait<'_>,
        fetch: impl FnOnce() -> Q,
    ) -> Lookup<V>
    where
        F: Future<Output = Outcome<V>> + Send + 'static,
        Q: Fn(Priority) -> F + Send + Sync + 'static,
    {
        match self.get(&key, now) {
            CacheState::Fresh(value) => Lookup::Ready(Ok(value)),
            CacheState::RefreshDue(value) => {
                // Whether it worked shows at the next look.
                let _detached = self.fetch(key, Priority::Revalidation, wait.tasks, fetch());
                Lookup::Ready(Ok(value))
            }
            CacheState::Rejected(reason) => Lookup::Ready(Err(reason.into())),
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
    ) -> Lookup<V>
    where
        F: Future<Output = Outcome<V>> + Send + 'static,
    {
        let deadline = wait.deadline();
        let waiter = match self.fetch(key, priority, wait.tasks, fetch) {
            Ok(waiter) => waiter,
            Err(error) => return Lookup::Ready(Err(Reason::from(error).into())),
        };
        let cache = Arc::clone(self);
        Lookup::Pending(Box::pin(async move {
            let outcome = waiter.result(deadline).await;
            cache.settle(&key, outcome)
        }))
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
        // The question took time: what was remembered may be over by now.
        match self.get(key, self.now()) {
            CacheState::Fresh(value) | CacheState::RefreshDue(value) | CacheState::Stale(value) => {
                tracing::warn!(
                    reason = error.reason(),
                    "a remembered answer is used past its time"
                );
                Ok(value)
            }
            CacheState::Rejected(reason) => Err(reason.into()),
            CacheState::Invalidated | CacheState::Miss => Err(error),
        }
    }
}
