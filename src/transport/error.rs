//! Why a call got no response.

use std::error::Error;

/// A call that ended without a readable HTTP response.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub(crate) struct TransportError {
    pub(crate) kind: TransportErrorKind,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The causes of a call without a response.
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

    /// The client could not be created, so nothing was sent.
    pub(super) fn setup(error: reqwest::Error) -> Self {
        Self {
            kind: TransportErrorKind::Setup,
            source: Some(Box::new(error)),
        }
    }

    /// Returns `true` if a retry over another connection may succeed: this connection was refused,
    /// reset, closed early, or closed because it stopped responding. The deadline of the whole call
    /// does not count as such a timeout, but then there is no time for a retry anyway.
    pub(super) const fn is_broken_connection(&self) -> bool {
        matches!(
            self.kind,
            TransportErrorKind::Connect | TransportErrorKind::Broken | TransportErrorKind::Timeout
        )
    }

    /// Returns `true` if there was a response that was not read.
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
        // The URL is omitted: it contains identifiers of Clerk objects, which do not belong in a log.
        Self {
            kind,
            source: Some(Box::new(error.without_url())),
        }
    }
}
