//! The emulator over real HTTP: each operation, each documented error, each fault.
//!
//! Every test of the Backend API holds its traffic against Clerk's OpenAPI document when it ends.

mod api_keys;
mod console;
mod contract;
mod faults;
mod harness;
mod keys;
mod lifecycle;
mod log;
mod m2m_tokens;
mod m2m_verify;
mod machine_access;
mod machines;
mod oauth;
mod oauth_attacks;
mod oauth_client;
mod oauth_server;
mod options;
