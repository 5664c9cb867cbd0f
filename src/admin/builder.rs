//! Settings of a client.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use super::client::{AdminClient, AdminParts};
use super::error::AdminError;
use crate::clock::{Clock, SystemClock};
use crate::machine_secret::MachineSecret;
use crate::secret::{MachineSecretKey, SecretError, SecretKey};
use crate::transport::{BaseUrl, BaseUrlError, RetryPolicy, Transport};

const API_URL: &str = "https://api.clerk.com";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// No time is longer, so that none can overflow where times are added.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(3_600);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Collects the settings of an [`AdminClient`].
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::{AdminClient, SecretKey};
///
/// let client = AdminClient::builder()
///     .secret_key(SecretKey::new("sk_test_4f8a")?)
///     .build()?;
/// assert!(!format!("{client:?}").contains("4f8a"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct AdminClientBuilder {
    instance: Option<SecretKey>,
    machine: Option<MachineSecret>,
    api_url: String,
    http: Option<reqwest::Client>,
    connect_timeout: Duration,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl Default for AdminClientBuilder {
    fn default() -> Self {
        Self {
            instance: None,
            machine: None,
            api_url: API_URL.to_owned(),
            http: None,
            connect_timeout: CONNECT_TIMEOUT,
            timeout: TIMEOUT,
            clock: Arc::new(SystemClock),
        }
    }
}

impl AdminClientBuilder {
    pub(super) fn from_env() -> Result<Self, AdminError> {
        let machine = variable("CLERK_MACHINE_SECRET_KEY", MachineSecretKey::new)?;
        Ok(Self {
            instance: variable("CLERK_SECRET_KEY", SecretKey::new)?,
            machine: machine.map(MachineSecret::fixed),
            api_url: env::var("CLERK_API_URL").unwrap_or_else(|_| API_URL.to_owned()),
            ..Self::default()
        })
    }

    /// Uses the secret of the instance (`sk_…`), which everything but minting M2M tokens needs.
    pub fn secret_key(mut self, secret: SecretKey) -> Self {
        self.instance = Some(secret);
        self
    }

    /// Uses the secret of a machine, fixed or managed, to create and verify its M2M tokens.
    pub fn machine_secret(mut self, secret: impl Into<MachineSecret>) -> Self {
        self.machine = Some(secret.into());
        self
    }

    /// Calls another address than `https://api.clerk.com`; without `/v1`.
    pub fn api_url(mut self, url: impl Into<String>) -> Self {
        self.api_url = url.into();
        self
    }

    /// Calls through this client instead of one of our own.
    ///
    /// # Security
    ///
    /// Turn its redirects off: a redirect would carry secrets elsewhere. Its connect timeout is its
    /// own; the [`timeout`](Self::timeout) set here still bounds each call.
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
    /// Fails for an `api_url` that is not `https` (or `http` on a loopback address), for timeouts
    /// of zero or more than an hour, and if the HTTP client cannot be set up.
    pub fn build(self) -> Result<AdminClient, AdminError> {
        check_timeout("connect_timeout", self.connect_timeout)?;
        check_timeout("timeout", self.timeout)?;
        let transport = match self.http {
            Some(client) => Transport::with_client(client),
            None => Transport::new(self.connect_timeout)?,
        };
        Ok(AdminClient::from_parts(AdminParts {
            transport,
            api: BaseUrl::parse(&self.api_url).map_err(bad_url)?,
            instance: self.instance,
            machine: self.machine,
            evict: None,
            clock: self.clock,
            read: RetryPolicy::safe(self.timeout),
            write: RetryPolicy::once(self.timeout),
        }))
    }
}

fn check_timeout(name: &'static str, time: Duration) -> Result<(), AdminError> {
    if time.is_zero() || time > LONGEST_TIMEOUT {
        return Err(AdminError::invalid(name, "is zero or more than an hour"));
    }
    Ok(())
}

fn bad_url(error: BaseUrlError) -> AdminError {
    let reason = match error {
        BaseUrlError::Syntax => "is not an absolute URL",
        BaseUrlError::Scheme => "must use https (http is taken only for loopback addresses)",
        BaseUrlError::Extras => "must not hold a user name, a password, a query or a fragment",
    };
    AdminError::invalid("api_url", reason)
}

/// Reads a secret from the environment; an empty variable counts as none.
fn variable<T>(
    name: &'static str,
    parse: impl FnOnce(String) -> Result<T, SecretError>,
) -> Result<Option<T>, AdminError> {
    match env::var(name) {
        Ok(value) if !value.is_empty() => parse(value)
            .map(Some)
            .map_err(|_| AdminError::invalid(name, "does not hold a secret of its kind")),
        Ok(_) | Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(AdminError::invalid(name, "is not UTF-8")),
    }
}
