//! Test your service against a Clerk of your own: an HTTP server in the same process.
//!
//! [`ClerkEmulator`] speaks the wire format of Clerk's Backend API: machines and their scopes,
//! machine secrets, M2M tokens, API keys, OAuth access tokens, key sets; over HTTP/1.1, or HTTP/2
//! for a client that begins with it (RFC 9113 §3.3). It is an authorization server as well, for
//! clients that sign in. Your service does not know the difference, needs no account and no
//! network, and parallel tests share nothing.
//!
//! # A test in ten lines
//!
//! Seed what the test needs, point your service at [`ClerkEmulator::api_url`], and call it:
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
//! - **Seed**: [`machine`](ClerkEmulator::machine), [`m2m_token`](ClerkEmulator::m2m_token),
//!   [`m2m_jwt`](ClerkEmulator::m2m_jwt), [`api_key`](ClerkEmulator::api_key),
//!   [`oauth_token`](ClerkEmulator::oauth_token), [`oauth_jwt`](ClerkEmulator::oauth_jwt); and
//!   [`sign_jwt`](ClerkEmulator::sign_jwt) or [`sign_raw`](ClerkEmulator::sign_raw) for any lie
//!   with a genuine signature.
//! - **Sign in**: the emulator is an authorization server (OAuth 2.1: discovery, registration,
//!   authorization code with PKCE, refresh, introspection, revocation) whose user consents at
//!   once: [`sign_in_as`](ClerkEmulator::sign_in_as),
//!   [`oauth_client`](ClerkEmulator::oauth_client),
//!   [`oauth_sessions`](ClerkEmulator::oauth_sessions).
//! - **Change**: [`revoke`](ClerkEmulator::revoke), [`expire`](ClerkEmulator::expire),
//!   [`grant`](ClerkEmulator::grant), [`rotate_keys`](ClerkEmulator::rotate_keys),
//!   [`rotate_machine_secret`](ClerkEmulator::rotate_machine_secret).
//! - **Move time**: [`TestClock`], given to the emulator and to the code under test.
//! - **Break things**: [`fault`](ClerkEmulator::fault) with a [`Fault`] at an [`Endpoint`], and
//!   [`stop_listening`](ClerkEmulator::stop_listening).
//! - **Look**: [`calls`](ClerkEmulator::calls) and [`requests`](ClerkEmulator::requests).
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
//! # How true it is
//!
//! Where Clerk's documents say what happens, the emulator does that, and a validator in this
//! crate's own tests holds its traffic against Clerk's OpenAPI document. Where they do not, it
//! does what is likeliest, and [`EmulatorOptions`] lists every such reading and can flip it.
//! Beyond the document: an official client that breaks one of its rules (`{"secret"}` for
//! `{"token"}`, `10.0` for `10`) is served as Clerk seems to serve it.
//!
//! It is no place for real secrets: it keeps everything in memory, speaks plain HTTP and answers
//! whoever reaches its port.

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
