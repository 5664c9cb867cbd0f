//! The client: a handle that is cheap to clone.

use std::fmt;
use std::sync::Arc;

use crate::clock::Clock;
use crate::credential::Secrets;
use crate::invalidate::Invalidate;
use crate::stats::CallCounters;
use crate::transport::{BaseUrl, RetryPolicy, Transport};

/// Client for the Backend API that manages machines, M2M tokens and API keys; cheap to clone.
///
/// See the [module docs](crate::admin).
#[derive(Clone)]
pub struct AdminClient {
    pub(super) parts: Arc<AdminParts>,
}

/// The parts of a client.
#[derive(Debug, Clone)]
pub(crate) struct AdminParts {
    pub(crate) transport: Transport,
    pub(crate) api: BaseUrl,
    pub(crate) secrets: Secrets,
    /// Notified of everything that was revoked, changed or deleted.
    pub(crate) invalidate: Option<Arc<dyn Invalidate>>,
    pub(crate) clock: Arc<dyn Clock>,
    /// For calls that change nothing.
    pub(crate) read: RetryPolicy,
    /// For calls that change something.
    pub(crate) write: RetryPolicy,
    pub(crate) may_retry: MayRetry,
    /// Counts the calls that are made for an authenticator or a token source, not on behalf of the
    /// application.
    pub(crate) calls: Option<Arc<CallCounters>>,
}

/// Decides whether a call may be sent again, which uses as much of the budget as the first time.
#[derive(Clone)]
pub(crate) struct MayRetry(Arc<dyn Fn() -> bool + Send + Sync>);

impl MayRetry {
    pub(crate) fn new(ask: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    pub(super) fn ask(&self) -> bool {
        (self.0)()
    }
}

impl Default for MayRetry {
    fn default() -> Self {
        Self::new(|| true)
    }
}

impl fmt::Debug for MayRetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MayRetry(…)")
    }
}

impl AdminClient {
    pub(crate) fn from_parts(parts: AdminParts) -> Self {
        let parts = Arc::new(parts);
        Self { parts }
    }

    /// Returns a client whose calls are counted, as far as they are of a kind that is.
    pub(crate) fn counted_in(&self, calls: Arc<CallCounters>) -> Self {
        Self::from_parts(AdminParts {
            calls: Some(calls),
            ..AdminParts::clone(&self.parts)
        })
    }

    /// Returns a client with another retry policy for reads, whose retries need permission.
    pub(crate) fn with_read_policy(&self, read: RetryPolicy, may_retry: MayRetry) -> Self {
        Self::from_parts(AdminParts {
            read,
            may_retry,
            ..AdminParts::clone(&self.parts)
        })
    }
}

impl fmt::Debug for AdminClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminClient")
            .field("api", &self.parts.api)
            .field("secrets", &self.parts.secrets)
            .finish_non_exhaustive()
    }
}
