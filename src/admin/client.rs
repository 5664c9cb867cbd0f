//! The client itself: a cheap handle, and the way to each resource.

use std::fmt;
use std::sync::Arc;

use super::api_keys::ApiKeys;
use super::builder::AdminClientBuilder;
use super::jwks::Jwks;
use super::m2m_tokens::M2mTokens;
use super::machines::Machines;
use super::oauth_access_tokens::OAuthAccessTokens;
use crate::clock::Clock;
use crate::config::BuildError;
use crate::invalidate::Invalidate;
use crate::machine_secret::MachineSecret;
use crate::secret::InstanceSecret;
use crate::transport::{BaseUrl, RetryPolicy, Transport};

/// Manages machines, M2M tokens and API keys; cheap to clone.
///
/// See the [module docs](crate::admin).
#[derive(Clone)]
pub struct AdminClient {
    pub(super) parts: Arc<AdminParts>,
}

/// What a client is made of.
#[derive(Debug, Clone)]
pub(crate) struct AdminParts {
    pub(crate) transport: Transport,
    pub(crate) api: BaseUrl,
    pub(crate) instance: Option<InstanceSecret>,
    pub(crate) machine: Option<MachineSecret>,
    /// Is told of everything that was revoked or deleted.
    pub(crate) evict: Option<Arc<dyn Invalidate>>,
    pub(crate) clock: Arc<dyn Clock>,
    /// For calls that change nothing.
    pub(crate) read: RetryPolicy,
    /// For calls that do.
    pub(crate) write: RetryPolicy,
    pub(crate) may_retry: MayRetry,
}

/// Asked before a call is sent again, which costs Clerk as much as the first time.
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
    /// Starts a client with the defaults.
    pub fn builder() -> AdminClientBuilder {
        AdminClientBuilder::default()
    }

    /// Takes `CLERK_SECRET_KEY`, `CLERK_MACHINE_SECRET_KEY` and `CLERK_API_URL` from the
    /// environment. A variable that is empty, or white space, counts as none.
    ///
    /// # Errors
    ///
    /// Fails if a variable is set to something that it cannot be; the error names the variable.
    pub fn from_env() -> Result<Self, BuildError> {
        AdminClientBuilder::from_env()?.build()
    }

    pub(crate) fn from_parts(parts: AdminParts) -> Self {
        let parts = Arc::new(parts);
        Self { parts }
    }

    /// Returns a client whose reads are tried as this policy says, and again only with leave.
    pub(crate) fn with_read_policy(&self, read: RetryPolicy, may_retry: MayRetry) -> Self {
        Self::from_parts(AdminParts {
            read,
            may_retry,
            ..AdminParts::clone(&self.parts)
        })
    }

    /// Machines, their scopes and their secrets.
    #[must_use]
    pub const fn machines(&self) -> Machines<'_> {
        Machines::new(self)
    }

    /// Machine-to-machine tokens.
    #[must_use]
    pub const fn m2m_tokens(&self) -> M2mTokens<'_> {
        M2mTokens::new(self)
    }

    /// API keys of users and organizations.
    #[must_use]
    pub const fn api_keys(&self) -> ApiKeys<'_> {
        ApiKeys::new(self)
    }

    /// Access tokens of OAuth applications.
    #[must_use]
    pub const fn oauth_access_tokens(&self) -> OAuthAccessTokens<'_> {
        OAuthAccessTokens::new(self)
    }

    /// The public keys of the instance.
    #[must_use]
    pub const fn jwks(&self) -> Jwks<'_> {
        Jwks::new(self)
    }
}

impl fmt::Debug for AdminClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminClient")
            .field("api", &self.parts.api)
            .field("instance", &self.parts.instance)
            .field("machine", &self.parts.machine)
            .finish_non_exhaustive()
    }
}
