//! In-process emulator of Clerk's machine API, for testing your service.
//!
//! [`ClerkEmulator`] is an HTTP server that implements Clerk's Backend API: machines and their
//! scopes, machine secrets, M2M tokens, API keys, OAuth access tokens and key sets. It supports
//! HTTP/1.1, and HTTP/2 with prior knowledge (RFC 9113 §3.3). It is also an authorization server
//! for clients that sign in. Tests need neither an account nor a network. Each emulator has its own
//! state, so tests can run in parallel.
//!
//! # A test in ten lines
//!
//! Create what the test needs, point your service at [`ClerkEmulator::api_url`], and call it:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use clerk_machine_auth::testing::{ClerkEmulator, Endpoint};
//!
//! let clerk = ClerkEmulator::start().await;
//! let orders = clerk.machine("orders").create();
//! let billing = clerk.machine("billing").scoped_to(&orders).create();
//! let token = clerk.m2m_token(&billing).create();
//!
//! // What a service that holds the secret of `orders` asks Clerk about the caller's token:
//! let answer = reqwest::Client::new()
//!     .post(format!("{}/v1/m2m_tokens/verify", clerk.api_url()))
//!     .bearer_auth(orders.secret_key())
//!     .header("content-type", "application/json")
//!     .body(format!(r#"{{"token":"{}"}}"#, token.token()))
//!     .send()
//!     .await?;
//! assert_eq!(answer.status(), 200);
//! assert_eq!(clerk.calls(Endpoint::VerifyM2mToken), 1);
//! # Ok(()) }
//! ```
//!
//! # What a test can do
//!
//! - **Create**: [`machine`](ClerkEmulator::machine), [`m2m_token`](ClerkEmulator::m2m_token),
//!   [`m2m_jwt`](ClerkEmulator::m2m_jwt), [`api_key`](ClerkEmulator::api_key),
//!   [`oauth_token`](ClerkEmulator::oauth_token), [`oauth_jwt`](ClerkEmulator::oauth_jwt); and
//!   [`sign_jwt`](ClerkEmulator::sign_jwt) or [`sign_raw`](ClerkEmulator::sign_raw) for arbitrary
//!   content with a genuine signature.
//! - **Sign in**: the emulator is an authorization server (OAuth 2.1: discovery, registration,
//!   authorization code with PKCE, refresh, introspection, revocation) whose user consents
//!   immediately: [`sign_in_as`](ClerkEmulator::sign_in_as),
//!   [`oauth_client`](ClerkEmulator::oauth_client),
//!   [`oauth_sessions`](ClerkEmulator::oauth_sessions).
//! - **Change**: [`revoke`](ClerkEmulator::revoke), [`expire`](ClerkEmulator::expire),
//!   [`grant`](ClerkEmulator::grant), [`rotate_keys`](ClerkEmulator::rotate_keys),
//!   [`rotate_machine_secret`](ClerkEmulator::rotate_machine_secret).
//! - **Control time**: [`TestClock`], shared by the emulator and the code under test.
//! - **Inject faults**: [`fault`](ClerkEmulator::fault) with a [`Fault`] at an [`Endpoint`], and
//!   [`stop_listening`](ClerkEmulator::stop_listening).
//! - **Inspect**: [`calls`](ClerkEmulator::calls) and [`requests`](ClerkEmulator::requests).
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use clerk_machine_auth::testing::{ClerkEmulator, Endpoint, Fault};
//!
//! let clerk = ClerkEmulator::start().await;
//! clerk.fault(Endpoint::VerifyM2mToken, Fault::status(503).header("retry-after", "1")).times(3);
//! clerk.fault(Endpoint::RotateMachineSecret, Fault::drop_after_applying()).once();
//! # }
//! ```
//!
//! # Fidelity
//!
//! The emulator follows Clerk's documentation, and this crate's tests validate its traffic against
//! Clerk's OpenAPI document. Where the documentation is silent or contradictory, the emulator does
//! what is most likely; [`EmulatorOptions`] lists every such behaviour and can change it. Official
//! clients that deviate from the document (`{"secret"}` instead of `{"token"}`, `10.0` instead of
//! `10`) are served as Clerk appears to serve them.
//!
//! Do not use the emulator with real secrets. It keeps everything in memory, uses plain HTTP, and
//! responds to everyone who can reach its port.

mod access;
mod clock;
mod close;
mod connection;
mod console;
mod drawing;
mod emulator;
mod endpoint;
mod fault;
mod fault_plan;
mod ids;
mod inspect;
mod jwt;
mod lock;
mod options;
mod record;
mod refusal;
mod reply;
mod request;
mod routes;
mod seed;
mod server;
mod service;
mod shared;
mod state;

pub use crate::fleet::{SharedMemory, SharedMemorySnapshot, StoreFault};
pub use clock::TestClock;
pub use emulator::{ClerkEmulator, EmulatorBuilder};
pub use endpoint::Endpoint;
pub use fault::Fault;
pub use fault_plan::FaultPlan;
pub use options::{
    EmulatorOptions, InactiveToken, JwtAtVerify, JwtCategory, NullExpiry, RateLimit, Unscoped,
};
pub use record::{Credential, RecordedRequest, RecordedResponse};
pub use seed::{
    ApiKeyBuilder, EmulatedMachine, EmulatedOAuthClient, IssuedToken, JwtBuilder, M2mTokenBuilder,
    MachineBuilder, OAuthClientBuilder, OAuthSession, OAuthTokenBuilder, SeedError, SeededDocument,
};
pub use state::keys::KeyRotation;
