//! The audit log: one event for each decision, with the words of OWASP's logging vocabulary.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::decision::Decision;
use crate::error::Reason;
use crate::stats::Outcome;
use crate::token::TokenType;

/// Rejections that are written in one second. More is a flood, and its first thousand tell of it.
const REJECTIONS_PER_SECOND: u64 = 1_000;

/// Writes the events of one layer, and all services that are made of it.
#[derive(Debug, Default)]
pub(super) struct Audit(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    second: u64,
    written: u64,
    /// Rejections that were not written and not told of yet.
    dropped: u64,
}

impl Audit {
    /// Writes an event, unless it is one rejection too many.
    pub(super) fn write(&self, decision: &Decision<'_>, now: Duration) {
        if let Some(dropped) = self.admit(decision.kind.is_some(), now.as_secs()) {
            write(decision, dropped);
        }
    }

    /// Returns how many events were dropped before this one, if this one is to be written.
    fn admit(&self, is_rejection: bool, second: u64) -> Option<u64> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if window.second != second {
            (window.second, window.written) = (second, 0);
        }
        if is_rejection {
            if window.written >= REJECTIONS_PER_SECOND {
                window.dropped = window.dropped.saturating_add(1);
                return None;
            }
            window.written = window.written.saturating_add(1);
        }
        Some(std::mem::take(&mut window.dropped))
    }
}

fn write(decision: &Decision<'_>, dropped: u64) {
    tracing::info!(
        target: "clerk_machine_auth::audit",
        event = word(decision),
        outcome = decision.outcome.as_str(),
        reason = decision.reason,
        status = decision.kind.map(|kind| kind.status().as_u16()),
        token_type = decision.token_type.map(TokenType::as_str),
        token_id = decision.token_id,
        subject = decision.subject,
        client_id = decision.client_id,
        cached = decision.cached,
        stale = decision.stale,
        dropped,
        "decision"
    );
}

/// Returns the event's name in OWASP's logging vocabulary; it has none for a request without a
/// token that needs none.
fn word(decision: &Decision<'_>) -> &'static str {
    match decision.outcome {
        Outcome::Allowed => "authn_login_success",
        Outcome::Anonymous => "anonymous",
        Outcome::Forbidden => "authz_fail",
        Outcome::Invalid if decision.reason == Some(Reason::Revoked.as_str()) => {
            "authn_token_reuse"
        }
        Outcome::Missing
        | Outcome::Malformed
        | Outcome::Invalid
        | Outcome::Unavailable
        | Outcome::Internal => "authn_login_fail",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_rejections_is_sampled_and_the_rest_counted() {
        let audit = Audit::default();
        let written = (0..5_000).filter(|_| audit.admit(true, 7).is_some());
        assert_eq!(written.count(), 1_000);
        // A request that is let in is always written, and tells of what was dropped.
        assert_eq!(audit.admit(false, 7), Some(4_000));
        assert_eq!(audit.admit(true, 7), None);
        assert_eq!(audit.admit(true, 8), Some(1));
        assert_eq!(audit.admit(true, 8), Some(0));
    }
}
