//! Making the verifier forget what a call has made wrong.

use std::sync::Arc;

use super::client::AdminClient;
use super::error::AdminError;
use crate::invalidate::Invalidate;

/// Evicts when it goes out of scope, unless the call is known to have changed nothing.
///
/// So it also evicts where the answer is lost, and where the caller goes away while the call is
/// under way: to forget too much costs one look-up, to forget too little lets a revoked token in.
pub(super) struct Eviction {
    evict: Option<Arc<dyn Invalidate>>,
    what: What,
}

enum What {
    Id(String),
    Subject(String),
}

impl AdminClient {
    /// Prepares to forget the verdict on a token or key.
    pub(super) fn invalidate_id(&self, id: &str) -> Eviction {
        self.eviction(What::Id(id.to_owned()))
    }

    /// Prepares to forget a machine, and every verdict on its tokens.
    pub(super) fn invalidate_subject(&self, subject: &str) -> Eviction {
        self.eviction(What::Subject(subject.to_owned()))
    }

    fn eviction(&self, what: What) -> Eviction {
        let evict = self.parts.evict.clone();
        Eviction { evict, what }
    }
}

impl Eviction {
    /// Evicts, unless Clerk has refused the call; an object that is gone is evicted too.
    pub(super) fn after<T>(mut self, outcome: Result<T, AdminError>) -> Result<T, AdminError> {
        let refused = |error: &AdminError| !error.is_outcome_unknown() && !error.is_not_found();
        if outcome.as_ref().is_err_and(refused) {
            self.evict = None;
        }
        outcome
    }
}

impl Drop for Eviction {
    fn drop(&mut self) {
        let Some(evict) = &self.evict else { return };
        match &self.what {
            What::Id(id) => evict.invalidate_id(id),
            What::Subject(subject) => evict.invalidate_subject(subject),
        }
    }
}
