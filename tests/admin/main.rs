//! The admin client over real HTTP against the emulator. Every request that crosses, and every
//! answer, is held against Clerk's OpenAPI document.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    dead_code,
    unreachable_pub
)] // a helper that fails is a test that fails; each test program uses a part of `support`

#[path = "../support/mod.rs"]
mod support;

mod api_keys;
mod canary;
mod every_operation;
mod lists;
mod lost_rotation;
mod m2m_tokens;
mod machines;
mod refused_input;
mod world;
