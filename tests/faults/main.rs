//! What goes wrong between this service and Clerk, and what its callers see of it: rules 7 to 13.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)] // a helper that fails is a test that fails

mod credentials;
#[path = "../support/dice.rs"]
mod dice;
mod flights;
mod gate;
mod key_changes;
mod keys;
mod leaders;
mod life;
#[path = "../support/log.rs"]
mod log;
mod model;
mod outage;
mod registry;
mod storms;
mod table;
mod world;
