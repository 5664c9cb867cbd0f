//! The error of a token source.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::backend::{AdminError, AdminErrorKind};

/// Error of an [`M2mTokenSource`](super::M2mTokenSource) that has no token to return; cheap to
/// clone.
///
/// No error is final: the source asks Clerk again after a pause, see
/// [`retry_after`](Self::retry_after).
///
/// # Security
///
/// Neither `Debug` nor `Display` nor any source contains a token or a secret.
#[derive(Clone)]
pub struct TokenSourceError {
    cause: Arc<Cause>,
    retry_after: Option<Duration>,
}

/// The kinds of [`TokenSourceError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenSourceErrorKind {
    /// Clerk refuses the machine secret (401, 403), or there is none.
    Credentials,
    /// The plan's quota of M2M tokens is exhausted (`token_quota_exceeded`).
    Quota,
    /// Clerk limits the rate of calls (429).
    RateLimited,
    /// Clerk is unreachable, does not respond in time, or fails (5xx).
    Unavailable,
    /// Clerk rejects the lifetime, the claims or another setting of this source (400, 422).
    Rejected,
    /// Clerk's response cannot be parsed.
    Unreadable,
    /// The token was expired on arrival: the clock of this host or Clerk's is wrong.
    Clock,
    /// The task that asked Clerk ended early, for example because its runtime shut down, or there
    /// is no Tokio runtime.
    Interrupted,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error("{}: {error}", hint(*.kind))]
    Clerk {
        kind: TokenSourceErrorKind,
        error: AdminError,
    },
    #[error("Clerk did not answer within the `timeout` of {0:?}")]
    Timeout(Duration),
    #[error(
        "the token that Clerk issued was expired on arrival: it ends at {expires} by Clerk's clock, \
         and the clock of this machine says {now}; set this machine's clock"
    )]
    Clock { expires: String, now: String },
    #[error("Clerk's answer holds no token that can stand in a header")]
    Unreadable,
    #[error("the task that asked Clerk for a token ended before its answer")]
    Lost,
    #[error("a token has to be minted, and there is no Tokio runtime to do it on")]
    NoRuntime,
}

/// Names the setting and the fix.
const fn hint(kind: TokenSourceErrorKind) -> &'static str {
    match kind {
        TokenSourceErrorKind::Credentials => {
            "Clerk refuses the machine secret; check `machine_secret` (CLERK_MACHINE_SECRET_KEY)"
        }
        TokenSourceErrorKind::Quota => {
            "the quota of M2M tokens is used up; raise it in Clerk's dashboard, or mint fewer \
             (a longer `lifetime`, `share_between_replicas`)"
        }
        TokenSourceErrorKind::RateLimited => "Clerk asks for fewer calls",
        TokenSourceErrorKind::Rejected => {
            "Clerk refuses the request for a token; check `lifetime` and `claims`"
        }
        TokenSourceErrorKind::Unreadable => "Clerk's answer is no M2M token",
        _ => "Clerk could not be asked for a token",
    }
}

impl TokenSourceError {
    pub(super) fn clerk(error: AdminError) -> Self {
        let kind = classify(&error);
        Cause::Clerk { kind, error }.into()
    }

    pub(super) fn timeout(timeout: Duration) -> Self {
        Cause::Timeout(timeout).into()
    }

    pub(super) fn clock(expires: SystemTime, now: SystemTime) -> Self {
        let (expires, now) = (
            httpdate::fmt_http_date(expires),
            httpdate::fmt_http_date(now),
        );
        Cause::Clock { expires, now }.into()
    }

    pub(super) fn unreadable() -> Self {
        Cause::Unreadable.into()
    }

    pub(super) fn lost() -> Self {
        Cause::Lost.into()
    }

    pub(super) fn no_runtime() -> Self {
        Cause::NoRuntime.into()
    }

    /// Returns the same error with the time after which the source will ask Clerk again.
    pub(super) fn retried_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }

    /// Returns the kind of this error.
    #[must_use]
    pub fn kind(&self) -> TokenSourceErrorKind {
        match &*self.cause {
            Cause::Clerk { kind, .. } => *kind,
            Cause::Timeout(_) => TokenSourceErrorKind::Unavailable,
            Cause::Clock { .. } => TokenSourceErrorKind::Clock,
            Cause::Unreadable => TokenSourceErrorKind::Unreadable,
            Cause::Lost | Cause::NoRuntime => TokenSourceErrorKind::Interrupted,
        }
    }

    /// Returns the time after which the source asks Clerk again. Until then it returns this error
    /// immediately.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns the `Retry-After` of Clerk's response.
    pub(super) fn asked_pause(&self) -> Option<Duration> {
        match &*self.cause {
            Cause::Clerk { error, .. } => error.retry_after(),
            _ => None,
        }
    }
}

fn classify(error: &AdminError) -> TokenSourceErrorKind {
    if let Some(api) = error.api() {
        return match api.status.as_u16() {
            _ if api.is_quota_exceeded() => TokenSourceErrorKind::Quota,
            429 => TokenSourceErrorKind::RateLimited,
            401 | 403 => TokenSourceErrorKind::Credentials,
            500.. => TokenSourceErrorKind::Unavailable,
            _ => TokenSourceErrorKind::Rejected,
        };
    }
    match error.kind() {
        AdminErrorKind::InvalidInput => TokenSourceErrorKind::Rejected,
        AdminErrorKind::Decode => TokenSourceErrorKind::Unreadable,
        AdminErrorKind::MissingSecret => TokenSourceErrorKind::Credentials,
        AdminErrorKind::Interrupted => TokenSourceErrorKind::Interrupted,
        _ => TokenSourceErrorKind::Unavailable,
    }
}

impl From<Cause> for TokenSourceError {
    fn from(cause: Cause) -> Self {
        Self {
            cause: Arc::new(cause),
            retry_after: None,
        }
    }
}

impl fmt::Debug for TokenSourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSourceError")
            .field("cause", &self.cause)
            .field("retry_after", &self.retry_after)
            .finish()
    }
}

impl fmt::Display for TokenSourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no M2M token: {}", self.cause)
    }
}

impl std::error::Error for TokenSourceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.cause {
            Cause::Clerk { error, .. } => Some(error),
            _ => None,
        }
    }
}
