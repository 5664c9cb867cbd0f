//! Finds an answer: remembered, asked for, or past its time while nobody can be asked.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::key::CacheKey;
use super::memo::{Found, Memo, Named, Outcome, Why};
use crate::error::{AuthError, Reason};
use crate::tasks::{TaskError, Wait};

/// An answer that has to be waited for.
pub(crate) type Later<V> = Pin<Box<dyn Future<Output = Result<V, AuthError>> + Send>>;

/// An answer at once, or one to wait for.
pub(crate) enum Told<V> {
    Now(Result<V, AuthError>),
    Later(Later<V>),
}

impl<V> Told<V> {
    pub(crate) async fn into_result(self) -> Result<V, AuthError> {
        match self {
            Self::Now(answer) => answer,
            Self::Later(answer) => answer.await,
        }
    }
}

impl<V: Clone + Named + Send + Sync + 'static> Memo<V> {
    /// Answers from memory where it can, and asks where it must.
    ///
    /// An answer that is due for renewal is given at once and renewed behind the request's back.
    /// One that is past its time is given only if asking fails. `question` is made only where it
    /// has to be asked.
    pub(crate) fn tell<F, Q>(
        self: &Arc<Self>,
        key: CacheKey,
        now: Duration,
        wait: Wait<'_>,
        question: impl FnOnce() -> Q,
    ) -> Told<V>
    where
        F: Future<Output = Outcome<V>> + Send + 'static,
        Q: Fn(Why) -> F + Send + Sync + 'static,
    {
        match self.look(&key, now) {
            Found::Fresh(value) => Told::Now(Ok(value)),
            Found::Due(value) => {
                // Whether it worked shows at the next look.
                let _detached = self.ask(key, Why::Renewal, wait.tasks, question());
                Told::Now(Ok(value))
            }
            Found::Bad(reason) => Told::Now(Err(reason.into())),
            Found::Stale(_) | Found::Invalidated => self.later(key, Why::Renewal, wait, question()),
            Found::Nothing => self.later(key, Why::Unknown, wait, question()),
        }
    }

    fn later<F>(
        self: &Arc<Self>,
        key: CacheKey,
        why: Why,
        wait: Wait<'_>,
        question: impl Fn(Why) -> F + Send + Sync + 'static,
    ) -> Told<V>
    where
        F: Future<Output = Outcome<V>> + Send + 'static,
    {
        let deadline = wait.deadline();
        let waiter = match self.ask(key, why, wait.tasks, question) {
            Ok(waiter) => waiter,
            Err(error) => return Told::Now(Err(Reason::from(error).into())),
        };
        let memo = Arc::clone(self);
        Told::Later(Box::pin(async move {
            let outcome = waiter.landed(deadline).await;
            memo.settle(&key, outcome)
        }))
    }

    fn settle(
        &self,
        key: &CacheKey,
        outcome: Result<Outcome<V>, TaskError>,
    ) -> Result<V, AuthError> {
        let error = match outcome {
            Ok(Outcome::Good(value)) => return Ok(value),
            Ok(Outcome::Bad(reason)) => return Err(reason.into()),
            Ok(Outcome::Unavailable(error)) => error,
            Err(error) => Reason::from(error).into(),
        };
        // The question took time: what was remembered may be over by now.
        match self.look(key, self.now()) {
            Found::Fresh(value) | Found::Due(value) | Found::Stale(value) => {
                tracing::warn!(
                    reason = error.reason(),
                    "a remembered answer is used past its time"
                );
                Ok(value)
            }
            Found::Bad(reason) => Err(reason.into()),
            Found::Invalidated | Found::Nothing => Err(error),
        }
    }
}
