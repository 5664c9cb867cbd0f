//! What is counted and traced of a call: each attempt on the wire, however it ends.

use std::fmt;
use std::sync::Arc;

use http::Method;
use tracing::{Span, field::Empty};
use url::Url;

use super::answer::Answer;
use super::error::TransportError;
use crate::stats::{CallCounters, CallOperation, CallResult};

/// What a call is counted as.
#[derive(Clone)]
pub(crate) struct Observed {
    pub(crate) operation: CallOperation,
    /// The path, with names in the place of identifiers.
    pub(crate) template: &'static str,
    pub(crate) counters: Arc<CallCounters>,
    /// Reads what an answer says.
    pub(crate) classify: fn(&Answer) -> CallResult,
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observed").field(&self.operation).finish()
    }
}

/// One attempt. Dropped before its end, as at the deadline of a verification, it was not answered.
pub(super) struct Attempt<'a> {
    observed: Option<&'a Observed>,
    result: CallResult,
    span: Span,
}

impl<'a> Attempt<'a> {
    pub(super) fn begin(observed: Option<&'a Observed>, to: (&Method, &Url), tries: u32) -> Self {
        Self {
            observed,
            result: CallResult::Timeout,
            span: observed.map_or_else(Span::none, |observed| span(to, observed, tries)),
        }
    }

    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    pub(super) fn end(mut self, outcome: &Result<Answer, TransportError>) {
        let Some(observed) = self.observed else {
            return;
        };
        self.result = match outcome {
            Ok(answer) => {
                let status = answer.status.as_u16();
                self.span.record("http.response.status_code", status);
                (observed.classify)(answer)
            }
            Err(error) if error.is_unreadable() => CallResult::Unreadable,
            Err(_) => CallResult::Timeout,
        };
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let Some(observed) = self.observed else {
            return;
        };
        if self.result != CallResult::Ok {
            self.span.record("error.type", self.result.as_str());
        }
        let counters = &observed.counters;
        counters.attempt(observed.operation, self.result);
    }
}

/// Named as OpenTelemetry's conventions for HTTP clients say.
///
/// # Security
///
/// Holds no identifier, and nothing of the token or of the secret.
fn span((method, url): (&Method, &Url), observed: &Observed, tries: u32) -> Span {
    tracing::debug_span!(
        "clerk.call",
        "otel.name" = %format_args!("{} {}", method, observed.template),
        "otel.kind" = "client",
        "http.request.method" = method.as_str(),
        "http.request.resend_count" = tries.saturating_sub(1),
        "http.response.status_code" = Empty,
        "error.type" = Empty,
        "server.address" = url.host_str(),
        "server.port" = url.port_or_known_default(),
        "url.template" = observed.template,
        "clerk.operation" = observed.operation.as_str(),
    )
}
