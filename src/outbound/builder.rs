//! Settings of a token source.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::mint::{MintSettings, Minter};
use super::source::M2mTokenSource;
use crate::admin::AdminClient;
use crate::clock::{Clock, SystemClock};
use crate::config::{Access, BuildError, Variable, from_env};
use crate::identity::TokenFormat;
use crate::machine_secret::MachineSecret;
use crate::setting::MACHINE_SECRET_KEY;

/// Leaves a fifth of the lifetime for an outage: 12 minutes of an hour.
const REFRESH_AT: f64 = 0.8;
/// Covers the latency to the receiver and a clock skew of a few seconds.
const EXPIRY_MARGIN: Duration = Duration::from_secs(10);
/// The authenticator's timeout: a caller may be waiting.
const TIMEOUT: Duration = Duration::from_secs(3);
/// At most 2 880 forced mints a day, $2.88 at Clerk's price of $0.001 each.
const FORCE_COOLDOWN: Duration = Duration::from_secs(30);
/// The upper bound of times, so that their sums cannot overflow.
const HOUR: Duration = Duration::from_secs(3_600);
/// The longest lifetime that Clerk allows for M2M tokens: ten years.
const LONGEST_LIFETIME: Duration = Duration::from_secs(315_360_000);

/// Builder for an [`M2mTokenSource`].
///
/// [`build`](Self::build) reports every invalid setting, with its name and the fix.
#[derive(Clone)]
#[must_use]
pub struct M2mTokenSourceBuilder {
    access: Access,
    http: Option<reqwest::Client>,
    clock: Arc<dyn Clock>,
    claims: Option<Result<Value, BuildError>>,
    force_cooldown: Duration,
    settings: MintSettings,
}

impl Default for M2mTokenSourceBuilder {
    fn default() -> Self {
        Self {
            access: Access::default(),
            http: None,
            clock: Arc::new(SystemClock),
            claims: None,
            force_cooldown: FORCE_COOLDOWN,
            settings: MintSettings {
                format: TokenFormat::Opaque,
                lifetime: None,
                claims: None,
                shared: false,
                refresh_at: REFRESH_AT,
                expiry_margin: EXPIRY_MARGIN,
                timeout: TIMEOUT,
            },
        }
    }
}

impl M2mTokenSourceBuilder {
    const VARIABLES: [Variable<Self>; 2] = [
        ("CLERK_MACHINE_SECRET_KEY", |builder, it| {
            builder.machine_secret_key(it)
        }),
        ("CLERK_API_URL", |builder, it| builder.api_url(it)),
    ];

    /// Creates a builder with the settings from the environment variables
    /// `CLERK_MACHINE_SECRET_KEY` and `CLERK_API_URL`.
    ///
    /// An empty variable counts as not set.
    ///
    /// # Errors
    ///
    /// Fails if a variable is not valid Unicode.
    pub fn from_env() -> Result<Self, BuildError> {
        from_env(Self::default(), &Self::VARIABLES)
    }

    /// Sets the machine secret, either fixed or kept up to date; see [`MachineSecret`].
    ///
    /// With a managed secret, the source follows rotations by itself: if Clerk refuses the secret,
    /// it is loaded again and the mint is sent once more.
    pub fn machine_secret(mut self, secret: impl Into<MachineSecret>) -> Self {
        self.access.set_machine_secret(secret);
        self
    }

    /// Sets a fixed machine secret (`ak_…`).
    pub fn machine_secret_key(mut self, key: impl Into<String>) -> Self {
        self.access.set_machine_secret_key(key);
        self
    }

    /// Sets the format of the tokens; opaque by default.
    ///
    /// Receivers verify a JWT locally and free of charge, but it cannot be revoked. See [what it
    /// costs](super#what-it-costs).
    pub const fn format(mut self, format: TokenFormat) -> Self {
        self.settings.format = format;
        self
    }

    /// Sets the lifetime of the tokens; by default that of the machine (one hour unless changed).
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.lifetime = Some(lifetime);
        self
    }

    /// Sets custom claims of the tokens, a JSON object.
    ///
    /// # Security
    ///
    /// Receivers can read the claims. To them, the claims are statements of the sender, not of
    /// Clerk.
    pub fn claims(mut self, claims: impl Serialize) -> Self {
        self.claims = Some(match serde_json::to_value(claims) {
            Ok(claims @ Value::Object(_)) => Ok(claims),
            Ok(_) => Err(BuildError::new("claims", "has to be a JSON object")),
            Err(_) => Err(BuildError::new("claims", "cannot be written as JSON")),
        });
        self
    }

    /// Shares a token between the replicas of a service, using Clerk's `min_remaining_ttl_seconds`;
    /// off by default, for opaque tokens only.
    ///
    /// Clerk then returns an existing token of the same machine with the same claims, if its
    /// remaining lifetime is long enough. Useful with many replicas, and for processes that are
    /// shorter-lived than a token.
    pub const fn share_between_replicas(mut self, share: bool) -> Self {
        self.settings.shared = share;
        self
    }

    /// Sets the fraction of the lifetime after which a token is renewed, ± 0.05; 0.8 by default,
    /// and at most 0.5 for lifetimes below 120 seconds.
    pub const fn refresh_at(mut self, fraction: f64) -> Self {
        self.settings.refresh_at = fraction;
        self
    }

    /// Sets how long before its expiry a token is replaced even if callers must wait; 10 seconds by
    /// default, and at most a quarter of the remaining lifetime on arrival.
    ///
    /// Within the margin, a caller waits for a new token, and gets the old one if that fails.
    pub const fn expiry_margin(mut self, margin: Duration) -> Self {
        self.settings.expiry_margin = margin;
        self
    }

    /// Sets the timeout of a mint, including the loading of the machine secret; 3 seconds by
    /// default.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Sets the minimum time between two mints that are forced by a receiver's refusal; 30 seconds
    /// by default.
    ///
    /// # Security
    ///
    /// Bounds the cost of a receiver that always responds with 401. Each mint is billed.
    pub const fn force_cooldown(mut self, cooldown: Duration) -> Self {
        self.force_cooldown = cooldown;
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

    /// Sets the HTTP client for calls to Clerk.
    ///
    /// # Security
    ///
    /// Disable its redirects. A redirect would send the machine secret to another host.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client);
        self
    }

    /// Sets the clock, for tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Checks the settings and builds the source; makes no call.
    ///
    /// # Errors
    ///
    /// Fails without a machine secret, if a setting is out of range, and if JWTs are to be shared.
    pub fn build(self) -> Result<M2mTokenSource, BuildError> {
        self.check()?;
        if self.access.secrets()?.machine.is_none() {
            let problem = "is missing; set it, or the variable";
            return Err(BuildError::new(MACHINE_SECRET_KEY, problem));
        }
        // The deadline applies to the mint as a whole, including the loading of the secret.
        let mut client = AdminClient::builder().access(self.access).timeout(HOUR);
        if let Some(http) = self.http {
            client = client.http_client(http);
        }
        let client = client.build()?;
        let mut settings = self.settings;
        settings.claims = self.claims.transpose()?;
        let minter = Minter {
            client,
            clock: self.clock,
            settings,
        };
        Ok(M2mTokenSource::new(minter, self.force_cooldown))
    }

    fn check(&self) -> Result<(), BuildError> {
        let settings = &self.settings;
        if settings.shared && settings.format == TokenFormat::Jwt {
            let why = "Clerk shares opaque tokens only; use `TokenFormat::Opaque`, or leave it off";
            return Err(BuildError::new("share_between_replicas", why));
        }
        if !(0.1..=0.95).contains(&settings.refresh_at) {
            return Err(BuildError::new(
                "refresh_at",
                "has to be within 0.1 to 0.95",
            ));
        }
        let second = Duration::from_secs(1);
        if let Some(lifetime) = settings.lifetime {
            within("lifetime", lifetime, second, LONGEST_LIFETIME)?;
        }
        within(
            "expiry_margin",
            settings.expiry_margin,
            Duration::ZERO,
            HOUR,
        )?;
        within("timeout", settings.timeout, Duration::from_millis(1), HOUR)?;
        within("force_cooldown", self.force_cooldown, second, HOUR)
    }
}

fn within(
    setting: &'static str,
    time: Duration,
    least: Duration,
    most: Duration,
) -> Result<(), BuildError> {
    if (least..=most).contains(&time) {
        return Ok(());
    }
    let why = format!("has to be within {least:?} to {most:?}");
    Err(BuildError::new(setting, why))
}

impl fmt::Debug for M2mTokenSourceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("M2mTokenSourceBuilder")
            .field("access", &self.access)
            .field("force_cooldown", &self.force_cooldown)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl M2mTokenSource {
    /// Returns a builder with the default settings.
    pub fn builder() -> M2mTokenSourceBuilder {
        M2mTokenSourceBuilder::default()
    }

    /// Creates a source from the environment variables `CLERK_MACHINE_SECRET_KEY` and
    /// `CLERK_API_URL`.
    ///
    /// To change further settings, start with [`M2mTokenSourceBuilder::from_env`].
    ///
    /// # Errors
    ///
    /// Fails like [`M2mTokenSourceBuilder::build`], and if a variable is not valid Unicode.
    pub fn from_env() -> Result<Self, BuildError> {
        M2mTokenSourceBuilder::from_env()?.build()
    }
}
