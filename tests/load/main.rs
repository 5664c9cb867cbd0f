//! Bounded load programs, in real time. Each prints its figure; `FULL=1` makes them those of the
//! record:
//!
//! ```sh
//! FULL=1 cargo test --release --all-features --test load -- --nocapture --test-threads=1
//! ```
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)] // a helper that fails is a test that fails

mod driver;
mod memory;
mod outage;
mod rotation;
