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
    #[error(
        "the HTTP client could not be set up, most likely since no certificates of authorities were \
        found; install them (the package `ca-certificates`), or name them in SSL_CERT_FILE or \
        SSL_CERT_DIR"
    )]
    Setup,
}

impl TransportError {
    pub(super) const fn new(kind: TransportErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// The client could not be built, so nothing was sent.
    pub(super) fn setup(error: reqwest::Error) -> Self {
        Self {
            kind: TransportErrorKind::Setup,
            source: Some(Box::new(error)),
        }
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
