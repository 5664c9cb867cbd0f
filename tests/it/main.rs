//! The whole crate over real HTTP against the embedded emulator. One program, since linking costs
//! more than running.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    dead_code,
    unreachable_pub
)] // a helper that fails is a test that fails

mod admin;
mod attacks;
mod authenticator;
mod emulator;
mod faults;
mod fleet;
mod forward_auth;
mod layer;
mod machine_secret;
mod observability;
mod openapi;
mod order;
mod outbound;
mod resource;
mod support;
mod wire;
