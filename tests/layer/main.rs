//! The layers around a service that counts: what gets in, what it carries, what is answered.
#![allow(clippy::unwrap_used, clippy::panic)] // a helper that fails is a test that fails

mod answers;
mod extractors;
mod options;
mod readiness;
mod world;
