//! Invalidates cached verdicts after a call that changes something.

use std::sync::Arc;

use super::client::AdminClient;
use crate::backend::AdminError;
use crate::invalidate::Invalidate;

/// Invalidates on drop, unless the call is known to have changed nothing.
///
/// This also covers lost responses and callers that are dropped while the call is in flight. An
/// unnecessary invalidation costs one lookup; a missing one accepts a revoked token.
pub(super) struct Invalidation {
    invalidate: Option<Arc<dyn Invalidate>>,
    target: InvalidationTarget,
}

enum InvalidationTarget {
    Id(String),
    Subject(String),
}

impl AdminClient {
    /// Prepares the invalidation of the verdict on a token or key.
    pub(super) fn invalidate_id(&self, id: &str) -> Invalidation {
        self.invalidation(InvalidationTarget::Id(id.to_owned()))
    }

    /// Prepares the invalidation of a machine and of every verdict on its tokens.
    pub(super) fn invalidate_subject(&self, subject: &str) -> Invalidation {
        self.invalidation(InvalidationTarget::Subject(subject.to_owned()))
    }

    fn invalidation(&self, target: InvalidationTarget) -> Invalidation {
        let invalidate = self.parts.invalidate.clone();
        Invalidation { invalidate, target }
    }
}

impl Invalidation {
    /// Invalidates, unless Clerk refused the call. An object that no longer exists is invalidated,
    /// too.
    pub(super) fn after<T>(mut self, outcome: Result<T, AdminError>) -> Result<T, AdminError> {
        let refused = |error: &AdminError| !error.is_outcome_unknown() && !error.is_not_found();
        if outcome.as_ref().is_err_and(refused) {
            self.invalidate = None;
        }
        outcome
    }
}

impl Drop for Invalidation {
    fn drop(&mut self) {
        let Some(invalidate) = &self.invalidate else {
            return;
        };
        match &self.target {
            InvalidationTarget::Id(id) => invalidate.invalidate_id(id),
            InvalidationTarget::Subject(subject) => invalidate.invalidate_subject(subject),
        }
    }
}
