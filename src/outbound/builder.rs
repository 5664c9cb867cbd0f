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

/// Early enough for an outage of a fifth of the lifetime: 12 minutes of an hour.
const REFRESH_AT: f64 = 0.8;
/// Covers the way to the receiver and clocks that disagree by some seconds.
const EXPIRY_MARGIN: Duration = Duration::from_secs(10);
/// As the authenticator's timeout: a caller may be waiting.
const TIMEOUT: Duration = Duration::from_secs(3);
/// At most 2 880 forced mints a day, $2.88 at Clerk's price of $0.001 each.
const FORCE_COOLDOWN: Duration = Duration::from_secs(30);
/// No setting is longer, so that none can overflow where times are added.
const HOUR: Duration = Duration::from_secs(3_600);
/// The longest lifetime that Clerk gives a machine's tokens: ten years.
const LONGEST_LIFETIME: Duration = Duration::from_secs(315_360_000);

/// Collects the settings of an [`M2mTokenSource`].
///
/// Every mistake is reported by [`build`](Self::build), with the setting's name and what to do.
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

    /// Takes `CLERK_MACHINE_SECRET_KEY` and `CLERK_API_URL` from the environment; an empty
    /// variable counts as none.
    ///
    /// # Errors
    ///
    /// Fails for a variable that is not Unicode.
    pub fn from_env() -> Result<Self, BuildError> {
        from_env(Self::default(), &Self::VARIABLES)
    }

    /// Uses this machine secret, fixed or kept fresh; see [`MachineSecret`].
    ///
    /// With a managed secret the source follows a rotation by itself: the mint that Clerk refuses
    /// reloads the secret and is sent once more.
    pub fn machine_secret(mut self, secret: impl Into<MachineSecret>) -> Self {
        self.access.set_machine_secret(secret);
        self
    }

    /// Uses the secret of this machine (`ak_…`), as it stays.
    pub fn machine_secret_key(mut self, key: impl Into<String>) -> Self {
        self.access.set_machine_secret_key(key);
        self
    }

    /// Sets the form of the tokens; opaque by default, as Clerk's.
    ///
    /// Receivers verify a JWT themselves, at no price, and nobody can revoke it. See the
    /// [table of costs](super#what-it-costs).
    pub const fn format(mut self, format: TokenFormat) -> Self {
        self.settings.format = format;
        self
    }

    /// Sets the lifetime of the tokens; by default the machine's (one hour unless changed).
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.lifetime = Some(lifetime);
        self
    }

    /// Sets claims that every token carries; a JSON object.
    ///
    /// # Security
    ///
    /// Receivers can read them, and they are this machine's own statements about itself.
    pub fn claims(mut self, claims: impl Serialize) -> Self {
        self.claims = Some(match serde_json::to_value(claims) {
            Ok(claims @ Value::Object(_)) => Ok(claims),
            Ok(_) => Err(BuildError::new("claims", "has to be a JSON object")),
            Err(_) => Err(BuildError::new("claims", "cannot be written as JSON")),
        });
        self
    }

    /// Lets the replicas of a service share one token, through Clerk's
    /// `min_remaining_ttl_seconds`; off by default, opaque tokens only.
    ///
    /// Clerk answers with an existing token of the same machine and the same claims that lives
    /// long enough. For many replicas, and for processes that live shorter than a token.
    pub const fn share_between_replicas(mut self, share: bool) -> Self {
        self.settings.shared = share;
        self
    }

    /// Renews a token when this part of its lifetime is over, give or take 0.05; 0.8 by default,
    /// and at most 0.5 for lifetimes under 120 seconds.
    pub const fn refresh_at(mut self, fraction: f64) -> Self {
        self.settings.refresh_at = fraction;
        self
    }

    /// Stops preferring a token this long before it expires; 10 seconds by default, and at most a
    /// quarter of what it has left when it is received.
    ///
    /// Within the margin a caller waits for a new token, and gets the old one if none comes.
    pub const fn expiry_margin(mut self, margin: Duration) -> Self {
        self.settings.expiry_margin = margin;
        self
    }

    /// Gives up on a mint after this time, fetching the machine secret included; 3 seconds by
    /// default.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Mints at most one token in this time because a receiver refused the present one; 30 seconds
    /// by default.
    ///
    /// # Security
    ///
    /// Bounds what a receiver that always answers 401 can cost: each mint is billed.
    pub const fn force_cooldown(mut self, cooldown: Duration) -> Self {
        self.force_cooldown = cooldown;
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

    /// Calls Clerk through this client instead of one of our own.
    ///
    /// # Security
    ///
    /// Turn its redirects off: a redirect would carry the machine secret elsewhere.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client);
        self
    }

    /// Tells the time by another clock, for tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Checks the settings and makes the source; nothing is called.
    ///
    /// # Errors
    ///
    /// Fails without a machine secret, for a setting that is out of its range, and for JWTs that
    /// are to be shared.
    pub fn build(self) -> Result<M2mTokenSource, BuildError> {
        self.check()?;
        if self.access.secrets()?.machine.is_none() {
            let problem = "is missing; set it, or the variable";
            return Err(BuildError::new(MACHINE_SECRET_KEY, problem));
        }
        // The mint as a whole has a deadline, the fetch of the secret included.
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
    /// Starts with the defaults.
    pub fn builder() -> M2mTokenSourceBuilder {
        M2mTokenSourceBuilder::default()
    }

    /// Takes `CLERK_MACHINE_SECRET_KEY` and `CLERK_API_URL` from the environment.
    ///
    /// To add settings of your own, start from [`M2mTokenSourceBuilder::from_env`].
    ///
    /// # Errors
    ///
    /// Fails as [`M2mTokenSourceBuilder::build`] does, and for a variable that is not Unicode.
    pub fn from_env() -> Result<Self, BuildError> {
        M2mTokenSourceBuilder::from_env()?.build()
    }
}
