//! The builder of an authenticator, which checks its settings together.

mod announce;
mod assemble;
mod bounds;
mod checked;
mod fleet;
mod grants;
mod publishable_key;
mod settings;
mod tuning;

use crate::authenticator::Authenticator;
use crate::clock::Clock;
use crate::config::{BuildError, Variable, from_env};
use crate::fleet::Fleet;
use crate::machine_secret::MachineSecret;
use crate::resource::ProtectedResource;
use crate::secret::{InstanceSecret, SecretError};
use crate::token::{TokenType, TokenTypes};

use self::settings::{SenderSetting, Settings};

/// Builder for an [`Authenticator`].
///
/// [`build`](Self::build) reports every invalid setting, with its name and the fix. Clerk is not
/// called before the first request, so a service can start while Clerk is unreachable.
///
/// # Examples
///
/// A service that accepts every type of token, with Clerk's registry deciding which machines may
/// call:
///
/// ```
/// use clerk_machine_auth::Authenticator;
///
/// let clerk = Authenticator::builder()
///     .secret_key("sk_test_4f8a")
///     .machine_id("mch_2xhFjEI5X2qWRvtV13BzSj8H6Dk")
///     .build()?;
/// assert!(clerk.admin().is_some());
/// # Ok::<(), clerk_machine_auth::BuildError>(())
/// ```
///
/// A service without any secret, which accepts the JWTs of two known machines:
///
/// ```
/// use clerk_machine_auth::{Authenticator, TokenType};
///
/// let clerk = Authenticator::builder()
///     .publishable_key("pk_test_Y2xlYW4tbWF5Zmx5LTYyLmNsZXJrLmFjY291bnRzLmRldiQ=")
///     .accept([TokenType::M2m])
///     .allow_senders(["mch_2xhFjEI5X2qWRvtV13BzSj8H6Dk", "mch_2yhFjEI5X2qWRvtV13BzSj8H6Dk"])
///     .build()?;
/// # Ok::<(), clerk_machine_auth::BuildError>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct AuthenticatorBuilder {
    settings: Settings,
}

impl Authenticator {
    /// Returns a builder with the default settings.
    pub fn builder() -> AuthenticatorBuilder {
        AuthenticatorBuilder::default()
    }

    /// Creates an authenticator from environment variables: `CLERK_SECRET_KEY`,
    /// `CLERK_MACHINE_SECRET_KEY`, `CLERK_MACHINE_ID`, `CLERK_JWT_KEY`, `CLERK_PUBLISHABLE_KEY` and
    /// `CLERK_API_URL`. With feature `redis` also `CLERK_FLEET_URL` and `CLERK_FLEET_KEY` (a comma-separated
    /// list; the first key writes), to share with other replicas.
    ///
    /// An empty variable counts as not set. To change further settings, start with
    /// [`AuthenticatorBuilder::from_env`].
    ///
    /// # Errors
    ///
    /// Fails like [`AuthenticatorBuilder::build`], and if a variable is not valid Unicode.
    pub fn from_env() -> Result<Self, BuildError> {
        AuthenticatorBuilder::from_env()?.build()
    }
}

impl AuthenticatorBuilder {
    const VARIABLES: [Variable<Self>; 8] = [
        ("CLERK_SECRET_KEY", |builder, it| builder.secret_key(it)),
        ("CLERK_MACHINE_SECRET_KEY", |builder, it| {
            builder.machine_secret_key(it)
        }),
        ("CLERK_MACHINE_ID", |builder, it| builder.machine_id(it)),
        ("CLERK_JWT_KEY", |builder, it| builder.jwt_key(it)),
        ("CLERK_PUBLISHABLE_KEY", |builder, it| {
            builder.publishable_key(it)
        }),
        ("CLERK_API_URL", |builder, it| builder.api_url(it)),
        ("CLERK_FLEET_URL", |builder, it| builder.fleet_url(it)),
        ("CLERK_FLEET_KEY", |builder, it| builder.fleet_keys(it)),
    ];

    /// Creates a builder with the settings from the environment; see [`Authenticator::from_env`].
    ///
    /// # Errors
    ///
    /// Fails if a variable is not valid Unicode.
    pub fn from_env() -> Result<Self, BuildError> {
        from_env(Self::default(), &Self::VARIABLES)
    }

    /// Sets the instance secret (`sk_…`), which verifies every type of token, fetches the keys for
    /// JWTs, and asks the registry which machines may reach this one.
    ///
    /// The key can be a string or a [`SecretKey`](crate::SecretKey), or an [`InstanceSecret`] that
    /// can be replaced while the service runs.
    pub fn secret_key(
        mut self,
        key: impl TryInto<InstanceSecret, Error: Into<SecretError>>,
    ) -> Self {
        self.settings.access.set_secret_key(key);
        self
    }

    /// Sets a fixed secret of this machine (`ak_…`).
    ///
    /// Clerk then also checks that an opaque M2M token may reach this machine.
    pub fn machine_secret_key(mut self, key: impl Into<String>) -> Self {
        self.settings.access.set_machine_secret_key(key);
        self
    }

    /// Sets a machine secret that is kept up to date; see [`MachineSecret`].
    pub fn machine_secret(mut self, secret: impl Into<MachineSecret>) -> Self {
        self.settings.access.set_machine_secret(secret);
        self
    }

    /// Sets the machine id of this service (`mch_…`), which M2M tokens must be allowed to reach.
    pub fn machine_id(mut self, id: impl Into<String>) -> Self {
        self.settings.machine_id = Some(id.into());
        self
    }

    /// Sets the public key of the instance that verifies JWTs; no keys are fetched then.
    ///
    /// Accepts PEM with or without its header lines, with real or `\n`-escaped line breaks, or in
    /// base64. The `kid` of tokens is ignored.
    pub fn jwt_key(mut self, pem: impl Into<String>) -> Self {
        self.settings.jwt_key = Some(pem.into().into());
        self
    }

    /// Sets the publishable key (`pk_…`), which determines the issuer and the public key set, so
    /// that JWTs can be verified without any secret.
    pub fn publishable_key(mut self, key: impl Into<String>) -> Self {
        self.settings.publishable_key = Some(key.into());
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
        self.settings.access.set_api_url(url);
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
        self.settings.access.set_plain_host(host);
        self
    }

    /// Accepts only JWTs of this issuer; by default that of the publishable key, if there is one.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.settings.issuer = Some(issuer.into());
        self
    }

    /// Accepts only OAuth tokens with this audience (RFC 9068 §4).
    ///
    /// If it is called several times, any one of the audiences is sufficient. A token without an
    /// audience is rejected.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.settings.audience.push(audience.into());
        self
    }

    /// Accepts only OAuth tokens of these applications (client ids), both JWTs and opaque tokens.
    ///
    /// By default the tokens of every OAuth application of the instance are accepted, including
    /// those that registered themselves (RFC 7591). A later call replaces the list.
    ///
    /// # Security
    ///
    /// A token of another client, or without a client, is rejected like any invalid token.
    pub fn allow_clients<S: Into<String>>(mut self, ids: impl IntoIterator<Item = S>) -> Self {
        self.settings.clients = Some(ids.into_iter().map(Into::into).collect());
        self
    }

    /// Accepts only OAuth tokens with this resource as their audience, compared as in RFC 8707 (P4
    /// of [`ProtectedResource`]).
    ///
    /// If it is called several times, or together with [`audience`](Self::audience), any one of
    /// them is sufficient. A token without an audience is rejected.
    ///
    /// The issuer of this authenticator becomes the authorization server of a resource that has
    /// none.
    pub fn resource(mut self, resource: &ProtectedResource) -> Self {
        self.settings.resources.push(resource.clone());
        self
    }

    /// Accepts only these token types; by default all that the other settings can verify.
    pub fn accept(mut self, types: impl IntoIterator<Item = TokenType>) -> Self {
        self.settings.accept = Some(TokenTypes::from_iter(types));
        self
    }

    /// Accepts only M2M tokens of these machines (`mch_…`), both JWTs and opaque tokens, and does
    /// not ask the registry.
    ///
    /// With a [`machine_id`](Self::machine_id), opaque tokens must also be allowed to reach it.
    pub fn allow_senders<S: Into<String>>(mut self, machines: impl IntoIterator<Item = S>) -> Self {
        let machines = machines.into_iter().map(Into::into).collect();
        self.settings.senders = SenderSetting::Listed(machines);
        self
    }

    /// Accepts an M2M JWT if its `scopes` or `aud` claim names this machine.
    ///
    /// # Security
    ///
    /// The sender chooses both claims. Any machine of the instance can create a token that names
    /// this one. This guards against misrouting, not against attackers.
    pub fn trust_scope_claims(mut self) -> Self {
        self.settings.senders = SenderSetting::ScopeClaims;
        self
    }

    /// Accepts M2M tokens of every machine of the instance.
    ///
    /// # Security
    ///
    /// Use this only if every machine of the instance may call this service. With a
    /// [`machine_id`](Self::machine_id), opaque tokens must also be allowed to reach it.
    pub fn any_sender(mut self) -> Self {
        self.settings.senders = SenderSetting::Any;
        self
    }

    /// Sets the HTTP client for calls to Clerk, for example to use a proxy or your own root
    /// certificates.
    ///
    /// The [`timeout`](Self::timeout) still applies to each verification, and the size of responses
    /// is still limited. The [`connect_timeout`](Self::connect_timeout) is not used. Configure the
    /// client like the built-in one:
    ///
    /// - No redirects. reqwest follows them by default.
    /// - HTTP/2 keep-alive, or HTTP/1.1 only. A call that times out ends only its stream. Without
    ///   pings, a connection that no longer responds is used for every later call until the system
    ///   closes it, and no opaque token can be verified until then.
    /// - A connect timeout, so that a retry has time left.
    /// - No decompression. Another crate may enable a codec of reqwest for the whole program.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use clerk_machine_auth::Authenticator;
    ///
    /// let client = reqwest::Client::builder()
    ///     .redirect(reqwest::redirect::Policy::none())
    ///     .http2_keep_alive_interval(Duration::from_secs(5))
    ///     .http2_keep_alive_timeout(Duration::from_secs(2))
    ///     .connect_timeout(Duration::from_secs(1))
    ///     .no_gzip()
    ///     .no_brotli()
    ///     .no_deflate()
    ///     .no_zstd()
    ///     .build()?;
    /// let clerk = Authenticator::builder()
    ///     .secret_key("sk_test_4f8a")
    ///     .machine_id("mch_2xhFjEI5X2qWRvtV13BzSj8H6Dk")
    ///     .http_client(client)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Security
    ///
    /// A client that follows redirects sends tokens and secrets to other hosts. The response is not
    /// used, but they have already been sent.
    ///
    /// The client also determines the TLS library, the root certificates, and whether certificates
    /// are verified at all.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.settings.http = Some(client);
        self
    }

    /// Shares Clerk's answers, invalidations, revocations and the call budget with other replicas;
    /// see [`Fleet`].
    pub fn fleet(mut self, fleet: Fleet) -> Self {
        self.settings.fleet = Some(fleet);
        self
    }

    fn fleet_url(mut self, url: String) -> Self {
        self.settings.fleet_variables.url = Some(url.into());
        self
    }

    fn fleet_keys(mut self, keys: String) -> Self {
        self.settings.fleet_variables.keys = Some(keys.into());
        self
    }

    /// Sets the clock, for tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.settings.clock = std::sync::Arc::new(clock);
        self
    }

    /// Checks the settings and builds the authenticator; makes no call.
    ///
    /// # Errors
    ///
    /// Fails if a setting is invalid, if an accepted token type cannot be verified, or if nothing
    /// binds M2M tokens to this machine.
    pub fn build(self) -> Result<Authenticator, BuildError> {
        assemble::authenticator(self.settings)
    }
}
