//! Collects the settings of an authenticator and checks them together.

mod announce;
mod assemble;
mod bounds;
mod checked;
mod grants;
mod publishable_key;
mod settings;
mod tuning;

use crate::authenticator::Authenticator;
use crate::clock::Clock;
use crate::config::{BuildError, Variable, from_env};
use crate::machine_secret::MachineSecret;
use crate::resource::ProtectedResource;
use crate::secret::{InstanceSecret, SecretError};
use crate::token::{TokenType, TokenTypes};

use self::settings::{SenderSetting, Settings};

/// Collects the settings of an [`Authenticator`].
///
/// Every mistake is reported by [`build`](Self::build), with the setting's name and what to do.
/// Nothing is called before the first request, so a service starts while Clerk is away.
///
/// # Examples
///
/// A service that verifies every type of token, and whose senders Clerk's registry decides on:
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
/// A service without any secret, which takes the JWTs of two known machines:
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
    /// Starts with the defaults.
    pub fn builder() -> AuthenticatorBuilder {
        AuthenticatorBuilder::default()
    }

    /// Takes the settings from the environment: `CLERK_SECRET_KEY`, `CLERK_MACHINE_SECRET_KEY`,
    /// `CLERK_MACHINE_ID`, `CLERK_JWT_KEY`, `CLERK_PUBLISHABLE_KEY` and `CLERK_API_URL`.
    ///
    /// An empty variable counts as none. To add settings of your own, start from
    /// [`AuthenticatorBuilder::from_env`].
    ///
    /// # Errors
    ///
    /// Fails as [`AuthenticatorBuilder::build`] does, and for a variable that is no Unicode.
    pub fn from_env() -> Result<Self, BuildError> {
        AuthenticatorBuilder::from_env()?.build()
    }
}

impl AuthenticatorBuilder {
    const VARIABLES: [Variable<Self>; 6] = [
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
    ];

    /// Takes the settings from the environment; see [`Authenticator::from_env`].
    ///
    /// # Errors
    ///
    /// Fails for a variable that is not Unicode.
    pub fn from_env() -> Result<Self, BuildError> {
        from_env(Self::default(), &Self::VARIABLES)
    }

    /// Uses the secret of the instance (`sk_…`): verifies every type of token, fetches the keys for
    /// JWTs, and asks the registry which machines may reach this one.
    ///
    /// Takes the key as text or as a [`SecretKey`](crate::SecretKey), or an [`InstanceSecret`]
    /// through which it can be replaced while the service runs.
    pub fn secret_key(
        mut self,
        key: impl TryInto<InstanceSecret, Error: Into<SecretError>>,
    ) -> Self {
        self.settings.access.set_secret_key(key);
        self
    }

    /// Uses the secret of this machine (`ak_…`), as it stays.
    ///
    /// Clerk then checks itself that an opaque M2M token may reach this machine.
    pub fn machine_secret_key(mut self, key: impl Into<String>) -> Self {
        self.settings.access.set_machine_secret_key(key);
        self
    }

    /// Uses a machine secret that is kept fresh; see [`MachineSecret`].
    pub fn machine_secret(mut self, secret: impl Into<MachineSecret>) -> Self {
        self.settings.access.set_machine_secret(secret);
        self
    }

    /// Says which machine this service is (`mch_…`): M2M tokens have to be meant for it.
    pub fn machine_id(mut self, id: impl Into<String>) -> Self {
        self.settings.machine_id = Some(id.into());
        self
    }

    /// Verifies JWTs with this public key of the instance, and fetches none.
    ///
    /// Takes PEM with or without its header lines, with real or `\n`-escaped line breaks, or in
    /// base64. A token's `kid` is then not looked at.
    pub fn jwt_key(mut self, pem: impl Into<String>) -> Self {
        self.settings.jwt_key = Some(pem.into().into());
        self
    }

    /// Takes issuer and public key set from the publishable key (`pk_…`), so that JWTs can be
    /// verified without any secret.
    pub fn publishable_key(mut self, key: impl Into<String>) -> Self {
        self.settings.publishable_key = Some(key.into());
        self
    }

    /// Calls another address than `https://api.clerk.com`: a host, without a path. A trailing `/v1`
    /// is taken off.
    ///
    /// # Security
    ///
    /// `http` is taken for loopback addresses only.
    pub fn api_url(mut self, url: impl Into<String>) -> Self {
        self.settings.access.set_api_url(url);
        self
    }

    /// Takes JWTs of this issuer only; by default that of the publishable key, if there is one.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.settings.issuer = Some(issuer.into());
        self
    }

    /// Takes OAuth tokens for this audience only (RFC 9068 §4); may be called for several, any one
    /// of which will do. A token that names none is refused.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.settings.audience.push(audience.into());
        self
    }

    /// Accepts OAuth tokens of these applications (client ids) only, JWT or opaque.
    ///
    /// Without it the tokens of every OAuth application of the instance are accepted, including those
    /// that registered themselves (RFC 7591). A list that is given later takes the place of an
    /// earlier one.
    ///
    /// # Security
    ///
    /// A token of another client, or of none, is rejected as any bad token is.
    pub fn allow_clients<S: Into<String>>(mut self, ids: impl IntoIterator<Item = S>) -> Self {
        self.settings.clients = Some(ids.into_iter().map(Into::into).collect());
        self
    }

    /// Takes OAuth tokens for this resource only, compared as RFC 8707 compares resources (P4 of
    /// [`ProtectedResource`]); may be called for several, beside [`audience`](Self::audience), any
    /// one of which will do. A token that names none is refused.
    ///
    /// The issuer of this authenticator becomes the authorization server of a resource that names
    /// none.
    pub fn resource(mut self, resource: &ProtectedResource) -> Self {
        self.settings.resources.push(resource.clone());
        self
    }

    /// Accepts these types only; by default all that the other settings can verify.
    pub fn accept(mut self, types: impl IntoIterator<Item = TokenType>) -> Self {
        self.settings.accept = Some(TokenTypes::from_iter(types));
        self
    }

    /// Takes M2M tokens of these machines (`mch_…`) only, JWT or opaque, and asks no registry.
    ///
    /// With a [`machine_id`](Self::machine_id) opaque tokens have to be meant for it all the same.
    pub fn allow_senders<S: Into<String>>(mut self, machines: impl IntoIterator<Item = S>) -> Self {
        let machines = machines.into_iter().map(Into::into).collect();
        self.settings.senders = SenderSetting::Listed(machines);
        self
    }

    /// Takes an M2M JWT for meant for this machine if its `scopes` or `aud` say so.
    ///
    /// # Security
    ///
    /// Clerk treats both as claims of the sender's own choice. Any machine of the instance can mint
    /// a token that names this one: this keeps out mistakes, not attackers.
    pub fn trust_scope_claims(mut self) -> Self {
        self.settings.senders = SenderSetting::ScopeClaims;
        self
    }

    /// Takes M2M tokens of every machine of the instance.
    ///
    /// # Security
    ///
    /// Right only where every machine of the instance may call this service. With a
    /// [`machine_id`](Self::machine_id) opaque tokens have to be meant for it all the same.
    pub fn any_sender(mut self) -> Self {
        self.settings.senders = SenderSetting::Any;
        self
    }

    /// Calls Clerk through this client instead of one of our own: for a proxy, or roots of your own.
    ///
    /// [`timeout`](Self::timeout) still bounds each verification, and answers are read up to a
    /// bound. [`connect_timeout`](Self::connect_timeout) is not used. All else is the client's, so
    /// give it what our own has:
    ///
    /// - Redirects off. reqwest follows them unless told otherwise.
    /// - HTTP/2 keep-alive, or HTTP/1.1 only. A call that times out ends only its stream: without
    ///   pings, a connection that stopped answering is used for every later call until the system
    ///   closes it, and nothing opaque is verified meanwhile.
    /// - A connect timeout, so that a retry has time left.
    /// - No decompression. Another crate may turn a codec of reqwest's on for the whole program.
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
    /// A redirect that is followed carries tokens and secrets elsewhere. What it brings back is
    /// not used, but by then they are gone.
    ///
    /// TLS is the client's own: its library, its roots, and whether it checks certificates at all.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.settings.http = Some(client);
        self
    }

    /// Tells the time by another clock, for tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.settings.clock = std::sync::Arc::new(clock);
        self
    }

    /// Checks the settings and makes the authenticator; nothing is called.
    ///
    /// # Errors
    ///
    /// Fails for a setting that is not what it should be, for a type of token that is to be
    /// accepted and cannot be verified, and for M2M tokens that nothing binds to this machine.
    pub fn build(self) -> Result<Authenticator, BuildError> {
        assemble::authenticator(self.settings)
    }
}
