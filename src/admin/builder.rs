//! Settings of a client.

use std::sync::Arc;
use std::time::Duration;

use super::client::{AdminClient, AdminParts, MayRetry};
use crate::clock::{Clock, SystemClock};
use crate::config::{Access, BuildError, Variable, from_env};
use crate::machine_secret::MachineSecret;
use crate::secret::{InstanceSecret, SecretError};
use crate::transport::{RetryPolicy, Transport};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// No time is longer, so that none can overflow where times are added.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(3_600);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Collects the settings of an [`AdminClient`].
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::AdminClient;
///
/// let client = AdminClient::builder().secret_key("sk_test_4f8a").build()?;
/// assert!(!format!("{client:?}").contains("4f8a"));
/// # Ok::<(), clerk_machine_auth::BuildError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct AdminClientBuilder {
    access: Access,
    http: Option<reqwest::Client>,
    connect_timeout: Duration,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl Default for AdminClientBuilder {
    fn default() -> Self {
        Self {
            access: Access::default(),
            http: None,
            connect_timeout: CONNECT_TIMEOUT,
            timeout: TIMEOUT,
            clock: Arc::new(SystemClock),
        }
    }
}

impl AdminClientBuilder {
    const VARIABLES: [Variable<Self>; 3] = [
        ("CLERK_SECRET_KEY", |builder, it| builder.secret_key(it)),
        ("CLERK_MACHINE_SECRET_KEY", |builder, it| {
            builder.machine_secret_key(it)
        }),
        ("CLERK_API_URL", |builder, it| builder.api_url(it)),
    ];

    /// Takes the settings from the environment; see [`AdminClient::from_env`].
    ///
    /// # Errors
    ///
    /// Fails for a variable that is not Unicode.
    pub fn from_env() -> Result<Self, BuildError> {
        from_env(Self::default(), &Self::VARIABLES)
    }

    pub(crate) fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Uses the secret of the instance (`sk_…`), which everything but minting M2M tokens needs.
    ///
    /// Takes the key as text or as a [`SecretKey`](crate::SecretKey), or an [`InstanceSecret`]
    /// through which it can be replaced while the client is in use.
    pub fn secret_key(
        mut self,
        key: impl TryInto<InstanceSecret, Error: Into<SecretError>>,
    ) -> Self {
        self.access.set_secret_key(key);
        self
    }

    /// Uses the secret of a machine (`ak_…`), as it stays, to create and verify its M2M tokens.
    pub fn machine_secret_key(mut self, key: impl Into<String>) -> Self {
        self.access.set_machine_secret_key(key);
        self
    }

    /// Uses a machine secret that is kept fresh; see [`MachineSecret`].
    pub fn machine_secret(mut self, secret: impl Into<MachineSecret>) -> Self {
        self.access.set_machine_secret(secret);
        self
    }

    /// Calls another address than `https://api.clerk.com`: a host, without a path. A trailing `/v1`
    /// is taken off.
    ///
    /// # Security
    ///
    /// `http` is taken for loopback addresses only.
    pub fn api_url(mut self, url: impl Into<String>) -> Self {
        self.access.set_api_url(url);
        self
    }

    /// Calls through this client instead of one of our own: for a proxy, or roots of your own.
    ///
    /// The [`timeout`](Self::timeout) set here still bounds each call; all else is the client's.
    /// InvalidationTarget it should have is said at
    /// [`AuthenticatorBuilder::http_client`](crate::AuthenticatorBuilder::http_client): redirects
    /// off, HTTP/2 keep-alive or HTTP/1.1 only, a connect timeout, no decompression.
    ///
    /// # Security
    ///
    /// A redirect that is followed carries secrets elsewhere. TLS is the client's own: its library,
    /// its roots, and whether it checks certificates at all.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client);
        self
    }

    /// Gives up on a connection after this time; 1 second by default.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Gives up on a call, all its tries and pauses included, after this time; 10 seconds by
    /// default.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Tells the time by another clock, for tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Makes the client; nothing is called yet.
    ///
    /// # Errors
    ///
    /// Fails for a secret that is not what it was given as, for an `api_url` that is not `https` (or
    /// `http` on a loopback address) or has a path, and for timeouts of zero or more than an hour.
    pub fn build(self) -> Result<AdminClient, BuildError> {
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("timeout", self.timeout)?;
        let transport = match self.http {
            Some(client) => Transport::with_client(client),
            None => Transport::new(self.connect_timeout),
        };
        Ok(AdminClient::from_parts(AdminParts {
            transport,
            api: self.access.api()?,
            secrets: self.access.secrets()?,
            invalidate: None,
            clock: self.clock,
            read: RetryPolicy::safe(self.timeout),
            write: RetryPolicy::once(self.timeout),
            may_retry: MayRetry::default(),
        }))
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
}

fn check_timeout(name: &'static str, time: Duration) -> Result<(), BuildError> {
    if time.is_zero() || time > LONGEST_TIMEOUT {
        let problem = "it has to be more than zero and at most an hour";
        return Err(BuildError::new(name, problem));
    }
    Ok(())
}
