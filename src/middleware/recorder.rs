//! Counts a request when its response is there, and tells who asked to be told.

use std::sync::Arc;

use crate::authenticator::{Core, Seen};
use crate::error::{AuthError, Reason};
use crate::identity::MachineAuth;
use crate::stats::{Outcome, Source, TokenLabel};

/// What is known of one request; counted when this is dropped.
///
/// The outermost layer of an authenticator counts. What rejects a request further inside, such as a
/// layer that requires scopes, leaves its error in the response, which is then the outcome: one
/// request is one count. A client that goes away while
/// its token is verified is not counted, one that goes away later has been let in.
pub(super) struct Recorder {
    core: Arc<Core>,
    /// `None` while nothing is decided.
    outcome: Option<Outcome>,
    token: TokenLabel,
    source: Source,
    reason: Option<Reason>,
}

impl Recorder {
    pub(super) fn new(core: &Arc<Core>, seen: Seen) -> Self {
        Self {
            core: Arc::clone(core),
            outcome: None,
            token: seen.token,
            source: seen.source,
            reason: None,
        }
    }

    /// Notes that the request was let in without a token.
    pub(super) fn anonymous(&mut self) {
        self.outcome = Some(Outcome::Anonymous);
    }

    /// Notes who was let in; what its token is counted as is known from here on.
    pub(super) fn admitted(&mut self, auth: &MachineAuth) {
        self.outcome = Some(Outcome::Allowed);
        self.token = TokenLabel::from(Some(auth.token_type()));
        if auth.is_stale() {
            self.source = Source::Stale;
        }
    }

    pub(super) fn rejected(&mut self, error: &AuthError) {
        self.outcome = Some(Outcome::from(error.kind()));
        self.reason = Some(error.cause());
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let Some(outcome) = self.outcome else {
            return;
        };
        let counters = &self.core.counters;
        counters.request(outcome, self.token, self.source);
        if let Some(reason) = self.reason {
            counters.rejection(reason);
        }
    }
}
