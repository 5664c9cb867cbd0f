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
/// The upper bound of timeouts, so that sums of times cannot overflow.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(3_600);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Builder for an [`AdminClient`].
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

    /// Creates a builder with the settings from the environment; see [`AdminClient::from_env`].
    ///
    /// # Errors
    ///
    /// Fails if a variable is not valid Unicode.
    pub fn from_env() -> Result<Self, BuildError> {
        from_env(Self::default(), &Self::VARIABLES)
    }

    pub(crate) fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Sets the instance secret (`sk_…`), which all calls need except those on a machine's own M2M
    /// tokens.
    ///
    /// The key can be a string or a [`SecretKey`](crate::SecretKey), or an [`InstanceSecret`] that
    /// can be replaced while the client is in use.
    pub fn secret_key(
        mut self,
        key: impl TryInto<InstanceSecret, Error: Into<SecretError>>,
    ) -> Self {
        self.access.set_secret_key(key);
        self
    }

    /// Sets a fixed machine secret (`ak_…`), which creates and verifies the M2M tokens of that
    /// machine.
    pub fn machine_secret_key(mut self, key: impl Into<String>) -> Self {
        self.access.set_machine_secret_key(key);
        self
    }

    /// Sets a machine secret that is kept up to date; see [`MachineSecret`].
    pub fn machine_secret(mut self, secret: impl Into<MachineSecret>) -> Self {
        self.access.set_machine_secret(secret);
        self
    }

    /// Sets the base URL of the Backend API; `https://api.clerk.com` by default.
    ///
    /// The URL must not have a path. A trailing `/v1` is removed.
    ///
    /// # Security
    ///
    /// `http` is accepted for loopback addresses only.
    pub fn api_url(mut self, url: impl Into<String>) -> Self {
        self.access.set_api_url(url);
        self
    }

    /// Accepts plain `http` for this host, as in `clerk-emulator`: the name of a container that runs
    /// the emulator.
    ///
    /// It cannot be set by the environment, and is rejected with a production secret.
    ///
    /// # Security
    ///
    /// Secrets and tokens are sent in the clear, and whoever is between can forge Clerk's responses.
    /// For tests only.
    pub fn danger_accept_plain_http(mut self, host: impl Into<String>) -> Self {
        self.access.set_plain_host(host);
        self
    }

    /// Sets the HTTP client, for example to use a proxy or your own root certificates.
    ///
    /// The [`timeout`](Self::timeout) of this builder still applies to each call. Everything else
    /// is configured on the client;
    /// [`AuthenticatorBuilder::http_client`](crate::AuthenticatorBuilder::http_client) describes
    /// what it needs: no redirects, HTTP/2 keep-alive or HTTP/1.1 only, a connect timeout, no
    /// decompression.
    ///
    /// # Security
    ///
    /// A client that follows redirects sends secrets to other hosts. The client also determines the
    /// TLS library, the root certificates, and whether certificates are verified at all.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client);
        self
    }

    /// Sets the timeout for establishing a connection; 1 second by default.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the timeout of a call, including all retries and pauses; 10 seconds by default.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the clock, for tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the client; makes no call.
    ///
    /// # Errors
    ///
    /// Fails if a secret is of the wrong type, if `api_url` is neither `https` nor `http` on a
    /// loopback address, if it has a path, or if a timeout is zero or longer than an hour.
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
            calls: None,
        }))
    }
}

impl AdminClient {
    /// Returns a builder with the default settings.
    pub fn builder() -> AdminClientBuilder {
        AdminClientBuilder::default()
    }

    /// Creates a client from the environment variables `CLERK_SECRET_KEY`,
    /// `CLERK_MACHINE_SECRET_KEY` and `CLERK_API_URL`.
    ///
    /// A variable that is empty or consists of white space counts as not set.
    ///
    /// # Errors
    ///
    /// Fails if a variable has an invalid value. The error names the variable.
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
