//! Counts a request when its response is there, and tells who asked to be told.

use std::sync::Arc;
use std::time::Duration;

use super::audit::Audit;
use super::decision::{Decision, Hook};
use crate::authenticator::{Core, Seen};
use crate::error::AuthError;
use crate::identity::MachineAuth;
use crate::stats::{Outcome, Source, TokenLabel};
use crate::token::TokenType;

/// Who is told of decisions, beside the counters.
#[derive(Debug, Clone, Default)]
pub(super) struct Observers {
    pub(super) hook: Option<Hook>,
    pub(super) audit: Option<Arc<Audit>>,
}

/// What is known of one request; counted when this is dropped.
///
/// The outermost layer of an authenticator counts. What rejects a request further inside, such as a
/// layer that requires scopes, leaves its error in the response, which is then the outcome: one
/// request is one count. A client that goes away while its token is verified is not counted; one
/// that goes away later has been let in.
pub(super) struct Recorder {
    core: Arc<Core>,
    /// `None` while nothing is decided.
    outcome: Option<Outcome>,
    seen: Seen,
    /// Only where somebody wants to be told: it takes an allocation.
    report: Option<Box<Report>>,
}

/// What the observers are told of a request.
struct Report {
    observers: Arc<Observers>,
    began: Duration,
    took: Duration,
    auth: Option<MachineAuth>,
    error: Option<AuthError>,
}

impl Recorder {
    pub(super) fn new(core: &Arc<Core>, observers: Option<&Arc<Observers>>) -> Self {
        let report = observers.map(|observers| {
            Box::new(Report {
                observers: Arc::clone(observers),
                began: core.clock.monotonic(),
                took: Duration::ZERO,
                auth: None,
                error: None,
            })
        });
        Self {
            core: Arc::clone(core),
            outcome: None,
            seen: Seen::NO_TOKEN,
            report,
        }
    }

    /// Notes what is seen of the token before anything of it is proven.
    pub(super) fn seen(&mut self, seen: Seen) {
        self.seen = seen;
    }

    /// Notes that the request was let in without a token.
    pub(super) fn anonymous(&mut self) {
        self.outcome = Some(Outcome::Anonymous);
        self.take_time();
    }

    /// Notes that the verdict is there, and whom it lets in.
    pub(super) fn decided(&mut self, admitted: Option<&MachineAuth>) {
        if let Some(auth) = admitted {
            self.admitted(auth);
        }
        self.take_time();
    }

    fn admitted(&mut self, auth: &MachineAuth) {
        self.outcome = Some(Outcome::Allowed);
        self.seen = self.seen.verified(auth);
        if let Some(report) = &mut self.report {
            report.auth = Some(auth.clone());
        }
    }

    fn take_time(&mut self) {
        if let Some(report) = &mut self.report {
            report.took = self.core.clock.monotonic().saturating_sub(report.began);
        }
    }

    /// Notes the rejection that the response carries.
    pub(super) fn rejected(&mut self, error: &AuthError) {
        self.outcome = Some(Outcome::from(error.kind()));
        self.core.counters.rejection(error.cause());
        if let Some(report) = &mut self.report {
            report.error = Some(error.clone());
        }
    }

    fn tell(&self, report: &Report, outcome: Outcome) {
        let decision = self.decision(report, outcome);
        if let Some(audit) = &report.observers.audit {
            audit.write(&decision, self.core.clock.monotonic());
        }
        if let Some(hook) = &report.observers.hook {
            hook.tell(&decision);
        }
    }

    fn decision<'a>(&self, report: &'a Report, outcome: Outcome) -> Decision<'a> {
        let (auth, error) = (report.auth.as_ref(), report.error.as_ref());
        Decision {
            outcome,
            kind: error.map(AuthError::kind),
            reason: error.map(AuthError::reason),
            token_type: token_type(self.seen.token),
            format: auth.map(MachineAuth::format),
            token_id: auth.map(MachineAuth::id).filter(|id| !id.is_empty()),
            subject: auth.map(MachineAuth::subject),
            client_id: auth.and_then(MachineAuth::client_id),
            cached: self.seen.source.is_cached(),
            stale: self.seen.source == Source::Stale,
            took: report.took,
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let Some(outcome) = self.outcome else {
            return;
        };
        let counters = &self.core.counters;
        counters.request(outcome, self.seen.token, self.seen.source);
        if let Some(report) = &self.report {
            self.tell(report, outcome);
        }
    }
}

const fn token_type(label: TokenLabel) -> Option<TokenType> {
    match label {
        TokenLabel::M2m => Some(TokenType::M2m),
        TokenLabel::ApiKey => Some(TokenType::ApiKey),
        TokenLabel::OAuth => Some(TokenType::OAuth),
        TokenLabel::None => None,
    }
}
