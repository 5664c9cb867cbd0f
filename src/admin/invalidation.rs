//! Making the verifier forget what a call has made wrong.

use std::sync::Arc;

use super::client::AdminClient;
use crate::backend::AdminError;
use crate::invalidate::Invalidate;

/// Evicts when it goes out of scope, unless the call is known to have changed nothing.
///
/// So it also evicts where the answer is lost, and where the caller goes away while the call is
/// under way: to forget too much costs one look-up, to forget too little lets a revoked token in.
pub(super) struct Invalidation {
    invalidate: Option<Arc<dyn Invalidate>>,
    target: InvalidationTarget,
}

enum InvalidationTarget {
    Id(String),
    Subject(String),
}

impl AdminClient {
    /// Prepares to forget the verdict on a token or key.
    pub(super) fn invalidate_id(&self, id: &str) -> Invalidation {
        self.invalidation(InvalidationTarget::Id(id.to_owned()))
    }

    /// Prepares to forget a machine, and every verdict on its tokens.
    pub(super) fn invalidate_subject(&self, subject: &str) -> Invalidation {
        self.invalidation(InvalidationTarget::Subject(subject.to_owned()))
    }

    fn invalidation(&self, target: InvalidationTarget) -> Invalidation {
        let invalidate = self.parts.invalidate.clone();
        Invalidation { invalidate, target }
    }
}

impl Invalidation {
    /// Evicts, unless Clerk has refused the call; an object that is gone is evicted too.
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
