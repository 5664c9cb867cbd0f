//! The emulator's handle: setup, credentials, requests and faults.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::uri::Authority;
use serde_json::Value;
use tokio::net::TcpListener;

use super::access::Access;
use super::clock::TestClock;
use super::endpoint::Endpoint;
use super::fault::Fault;
use super::fault_plan::FaultPlan;
use super::ids;
use super::options::EmulatorOptions;
use super::record::RecordedRequest;
use super::server::Server;
use super::shared::{Identity, Shared};
use super::state::State;
use super::state::instance::Instance;
use super::state::keys::{KeyRing, KeyRotation, SigningKey};

/// An in-process emulator of a Clerk instance: a real HTTP server that stops when it is dropped.
///
/// Each emulator has its own port, keys, secrets and state, so tests can run in parallel.
pub struct ClerkEmulator {
    pub(super) shared: Arc<Shared>,
    server: Server,
}

impl ClerkEmulator {
    /// Starts an emulator on a free port of the loopback interface.
    ///
    /// # Panics
    ///
    /// Panics if it cannot listen there. With [`builder`](Self::builder), this is an error instead.
    #[expect(clippy::expect_used, reason = "a test can do nothing about it")]
    pub async fn start() -> Self {
        Self::builder()
            .start()
            .await
            .expect("the emulator listens on a free loopback port")
    }

    /// Returns a builder with the default settings.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }

    /// Closes the listener and all connections, and waits until they are closed.
    pub async fn shutdown(self) {
        self.server.stop().await;
    }

    /// Closes the listener and all connections, so that new connections are refused. All state is
    /// kept.
    pub async fn stop_listening(&self) {
        self.server.stop().await;
    }

    /// Listens again on the same port.
    ///
    /// # Errors
    ///
    /// Fails if another process uses the port.
    pub async fn resume_listening(&self) -> io::Result<()> {
        self.server.resume(Arc::clone(&self.shared)).await
    }

    /// Returns the base URL of the API (`CLERK_API_URL`), without `/v1`.
    pub fn api_url(&self) -> &str {
        &self.shared.identity.api_url
    }

    /// Returns the first secret key of the instance (`CLERK_SECRET_KEY`).
    pub fn secret_key(&self) -> &str {
        &self.shared.identity.secret_key
    }

    /// Returns the publishable key (`CLERK_PUBLISHABLE_KEY`), which contains the issuer's host.
    pub fn publishable_key(&self) -> &str {
        &self.shared.identity.publishable_key
    }

    /// Returns the `iss` of the JWTs, which is also the base URL of the public key set.
    pub fn issuer(&self) -> &str {
        &self.shared.identity.api_url
    }

    /// Returns the id of the instance, which is also the `kid` of its first key.
    pub fn instance_id(&self) -> &str {
        &self.shared.identity.instance_id
    }

    /// Returns the current public key as PEM (`CLERK_JWT_KEY`).
    pub fn jwt_key(&self) -> String {
        self.shared.state().keys.current().pem()
    }

    /// Saves the current state (machines, tokens, keys, secrets) for [`reset`](Self::reset).
    ///
    /// Without a checkpoint, `reset` returns to the state at the start.
    pub fn checkpoint(&self) {
        self.shared.checkpoint();
    }

    /// Returns to the checkpoint, clears all faults and the log, and sets the clock to the real
    /// time.
    ///
    /// Everything that was issued before the checkpoint is valid again, so the tests of a suite can
    /// share an emulator. The options are not reset.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Returns the clock by which tokens and secrets expire.
    pub fn clock(&self) -> &TestClock {
        &self.shared.clock
    }

    /// Changes behaviours that Clerk does not document, from the next request on.
    ///
    /// The capacity of the log cannot be changed after the start.
    pub fn configure(&self, change: impl FnOnce(&mut EmulatorOptions)) {
        change(&mut self.shared.state().options);
    }

    /// Creates another secret key of the instance; the existing ones stay valid.
    pub fn add_secret_key(&self) -> String {
        self.shared.state().instance.add_secret()
    }

    /// Revokes a secret key of the instance; returns `false` if there is no such key.
    pub fn revoke_secret_key(&self, secret_key: &str) -> bool {
        self.shared.state().instance.revoke_secret(secret_key)
    }

    /// Replaces the signing key.
    ///
    /// Generating a key takes a few hundred milliseconds of CPU time.
    ///
    /// # Panics
    ///
    /// Panics if the system cannot generate a key.
    #[expect(clippy::expect_used, reason = "a test can do nothing about it")]
    pub fn rotate_keys(&self, rotation: KeyRotation) {
        let (kid, keep_old) = match rotation {
            KeyRotation::NewKid { keep_old } => (ids::word_id("ins"), keep_old),
            KeyRotation::SameKid => (self.shared.state().keys.current().kid.clone(), false),
        };
        let key = SigningKey::generate(kid).expect("a key pair");
        self.shared.state().keys.replace(key, keep_old);
    }

    /// Removes the previous keys from the key set.
    pub fn remove_old_keys(&self) {
        self.shared.state().keys.remove_old();
    }

    /// Signs any header and claims with the current key.
    pub fn sign_jwt(&self, header: &Value, claims: &Value) -> String {
        self.sign_raw(&header.to_string(), &claims.to_string())
    }

    /// Signs exactly these bytes with the current key, including duplicate members and unusual
    /// spacing.
    pub fn sign_raw(&self, header_json: &str, claims_json: &str) -> String {
        let key = self.shared.state().keys.current();
        key.sign(header_json, claims_json)
    }

    /// Plans a fault; call a method of the returned plan to set how often it applies.
    pub fn fault(&self, endpoint: Endpoint, fault: Fault) -> FaultPlan<'_> {
        FaultPlan::new(&self.shared.faults, &self.shared.clock, endpoint, fault)
    }

    /// Removes all planned faults. Calls that already hang keep hanging.
    pub fn clear_faults(&self) {
        self.shared.faults.clear(None);
    }

    /// Removes the faults that were planned for this endpoint.
    pub fn clear_faults_of(&self, endpoint: Endpoint) {
        self.shared.faults.clear(Some(endpoint));
    }

    /// Returns the number of calls of an endpoint since the start or the last reset.
    pub fn calls(&self, endpoint: Endpoint) -> u64 {
        self.shared.log.calls(endpoint)
    }

    /// Returns the requests since the start or the last reset, oldest first.
    ///
    /// The log keeps the newest [`log_capacity`](EmulatorOptions::log_capacity) requests.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.log.requests()
    }

    /// Clears the log and the call counters.
    pub fn reset_log(&self) {
        self.shared.log.reset();
    }
}

impl fmt::Debug for ClerkEmulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClerkEmulator")
            .field("api_url", &self.shared.identity.api_url)
            .field("instance_id", &self.shared.identity.instance_id)
            .finish_non_exhaustive()
    }
}

/// Builder for a [`ClerkEmulator`].
#[must_use = "an emulator that is not started does nothing"]
pub struct EmulatorBuilder {
    address: SocketAddr,
    clock: TestClock,
    options: EmulatorOptions,
    open_to_network: bool,
    public_url: Option<String>,
}

impl Default for EmulatorBuilder {
    fn default() -> Self {
        Self {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            clock: TestClock::new(),
            options: EmulatorOptions::default(),
            open_to_network: false,
            public_url: None,
        }
    }
}

impl EmulatorBuilder {
    /// Sets the address to listen on; port 0 selects a free port. Default: `127.0.0.1:0`.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Allows other hosts to use the console, except for its log of requests. Default: no.
    ///
    /// # Security
    ///
    /// Everyone who can reach the port can then create tokens, read secrets and plan faults.
    pub fn open_to_network(mut self) -> Self {
        self.open_to_network = true;
        self
    }

    /// Sets the URL under which clients reach the emulator, which is also its issuer. Default: the
    /// address that it listens on.
    ///
    /// In a container network, this is a URL such as `http://clerk-emulator:4010`.
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Sets the clock that determines the expiry of tokens and secrets. Default: one that runs in
    /// real time.
    pub fn clock(mut self, clock: TestClock) -> Self {
        self.clock = clock;
        self
    }

    /// Replaces all options for behaviours that Clerk does not document.
    pub fn options(mut self, options: EmulatorOptions) -> Self {
        self.options = options;
        self
    }

    /// Changes options for behaviours that Clerk does not document.
    pub fn configure(mut self, change: impl FnOnce(&mut EmulatorOptions)) -> Self {
        change(&mut self.options);
        self
    }

    /// Starts the server on the current Tokio runtime.
    ///
    /// # Errors
    ///
    /// Fails if the address is not available, if the public URL does not have the form
    /// `http://host:port`, or if no key pair can be generated.
    pub async fn start(self) -> io::Result<ClerkEmulator> {
        let name = self.public_url.as_deref().map(authority).transpose()?;
        let listener = TcpListener::bind(self.address).await?;
        let host = name.clone();
        let host = host.unwrap_or(reachable(listener.local_addr()?).to_string());
        let instance_id = ids::word_id("ins");
        let key = generate(instance_id.clone()).await?;
        let mut instance = Instance::new(instance_id.clone(), format!("http://{host}"));
        let identity = identity(&host, instance_id, instance.add_secret());
        let state = State::new(self.options, KeyRing::new(key), instance);
        let access = Access {
            open_to_network: self.open_to_network,
            name: name.map(|name| without_port(&name).to_owned()),
        };
        let shared = Arc::new(Shared::new(identity, state, self.clock, access));
        let server = Server::start(listener, Arc::clone(&shared))?;
        Ok(ClerkEmulator { shared, server })
    }
}

/// Generating an RSA key takes a few hundred milliseconds, during which other tasks continue.
async fn generate(kid: String) -> io::Result<SigningKey> {
    let made = tokio::task::spawn_blocking(move || SigningKey::generate(kid)).await;
    made.map_err(io::Error::other)?.map_err(io::Error::other)
}

fn identity(host: &str, instance_id: String, secret_key: String) -> Identity {
    Identity {
        api_url: format!("http://{host}"),
        publishable_key: format!("pk_test_{}", STANDARD.encode(format!("{host}$"))),
        secret_key,
        instance_id,
    }
}

/// The host and port of a public URL, in lower case.
fn authority(url: &str) -> io::Result<String> {
    let named = url.trim_end_matches('/').strip_prefix("http://");
    let host = named.filter(|host| host.parse::<Authority>().is_ok() && !host.contains('@'));
    let wrong = || {
        let why = format!("the public URL `{url}` is not of the form http://clerk-emulator:4010");
        io::Error::new(io::ErrorKind::InvalidInput, why)
    };
    host.map(str::to_ascii_lowercase).ok_or_else(wrong)
}

fn without_port(host: &str) -> &str {
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// The address to connect to: a wildcard address is not a destination.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    address
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatorBuilder")
            .field("address", &self.address)
            .field("clock", &self.clock)
            .field("options", &self.options)
            .finish()
    }
}
