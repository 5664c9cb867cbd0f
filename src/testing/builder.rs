//! How an emulator is set up.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpListener;

use super::clock::TestClock;
use super::emulator::{ClerkEmulator, Identity};
use super::ids;
use super::options::EmulatorOptions;
use super::server::Server;
use super::shared::Shared;
use super::state::State;
use super::state::instance::Instance;
use super::state::keys::{KeyRing, SigningKey};

/// Settings of an emulator that is not started yet.
#[must_use = "an emulator that is not started does nothing"]
pub struct EmulatorBuilder {
    address: SocketAddr,
    clock: TestClock,
    options: EmulatorOptions,
}

impl Default for EmulatorBuilder {
    fn default() -> Self {
        Self {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            clock: TestClock::new(),
            options: EmulatorOptions::default(),
        }
    }
}

impl EmulatorBuilder {
    /// Sets the address to listen on; port 0 takes a free one. Default: `127.0.0.1:0`.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Sets the clock by which tokens and secrets expire. Default: one that runs in real time.
    pub fn clock(mut self, clock: TestClock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets all behaviours that Clerk does not document.
    pub fn options(mut self, options: EmulatorOptions) -> Self {
        self.options = options;
        self
    }

    /// Changes some of the behaviours that Clerk does not document.
    pub fn configure(mut self, change: impl FnOnce(&mut EmulatorOptions)) -> Self {
        change(&mut self.options);
        self
    }

    /// Starts the server on the present tokio runtime.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on, or no key pair can be generated.
    pub async fn start(self) -> io::Result<ClerkEmulator> {
        let listener = TcpListener::bind(self.address).await?;
        let address = listener.local_addr()?;
        let instance_id = ids::word_id("ins");
        let key = generate(instance_id.clone()).await?;
        let issuer = format!("http://{}", reachable(address));
        let mut instance = Instance::new(instance_id.clone(), issuer);
        let identity = identity(address, instance_id, instance.add_secret());
        let state = State::new(self.options, KeyRing::new(key), instance);
        let shared = Arc::new(Shared::new(state, self.clock));
        let server = Server::start(listener, Arc::clone(&shared))?;
        Ok(ClerkEmulator::new(identity, shared, server))
    }
}

/// An RSA key takes some hundred milliseconds; other tasks go on meanwhile.
async fn generate(kid: String) -> io::Result<SigningKey> {
    let made = tokio::task::spawn_blocking(move || SigningKey::generate(kid)).await;
    made.map_err(io::Error::other)?.map_err(io::Error::other)
}

fn identity(address: SocketAddr, instance_id: String, secret_key: String) -> Identity {
    let host = reachable(address).to_string();
    Identity {
        api_url: format!("http://{host}"),
        publishable_key: format!("pk_test_{}", STANDARD.encode(format!("{host}$"))),
        secret_key,
        instance_id,
    }
}

/// The address to connect to: one that stands for all of them is no destination.
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
