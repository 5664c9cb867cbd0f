//! Why a call got no answer.

use std::error::Error;

/// A call that ended without an HTTP answer that could be read.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub(crate) struct TransportError {
    pub(crate) kind: TransportErrorKind,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The ways in which a call can fail to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransportErrorKind {
    #[error("the connection could not be made")]
    Connect,
    #[error("no answer within the deadline")]
    Timeout,
    #[error("the answer is larger than the bound")]
    TooLarge,
    #[error("the HTTP client followed a redirect; turn redirects off in the client that was given")]
    Elsewhere,
    #[error("the connection broke before the answer was complete")]
    Broken,
    #[error("the request could not be written")]
    Request,
}

impl TransportError {
    pub(super) const fn new(kind: TransportErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// Returns `true` if another try over another connection may go better: this one was refused,
    /// reset, closed early, or given up since it no longer answers. The deadline of the whole call
    /// is no such timeout, but then no time is left for another try.
    pub(super) const fn is_broken_connection(&self) -> bool {
        matches!(
            self.kind,
            TransportErrorKind::Connect | TransportErrorKind::Broken | TransportErrorKind::Timeout
        )
    }

    /// Returns `true` if there was an answer, of a kind that is not read.
    pub(crate) const fn is_unreadable(&self) -> bool {
        matches!(
            self.kind,
            TransportErrorKind::TooLarge | TransportErrorKind::Elsewhere
        )
    }
}

impl From<reqwest::Error> for TransportError {
    fn from(error: reqwest::Error) -> Self {
        let kind = if error.is_connect() {
            TransportErrorKind::Connect
        } else if error.is_timeout() {
            TransportErrorKind::Timeout
        } else if error.is_builder() {
            TransportErrorKind::Request
        } else {
            TransportErrorKind::Broken
        };
        // A URL holds identifiers of Clerk objects, which are nobody's business in a log.
        Self {
            kind,
            source: Some(Box::new(error.without_url())),
        }
    }
}
