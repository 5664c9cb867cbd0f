//! What an attacker would try, and what must come of it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)] // a helper that fails is a test that fails

mod classes;
#[path = "../support/dice.rs"]
mod dice;
mod elsewhere;
mod forgery;
mod leaks;
#[path = "../support/log.rs"]
mod log;
mod model;
mod tenants;
