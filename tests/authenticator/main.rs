//! The authenticator against the emulator, over real HTTP: what is let in, and by whom it is asked.
#![allow(clippy::unwrap_used, clippy::panic)] // a helper that fails is a test that fails

mod accepted;
mod forgotten;
mod headers;
mod key_sources;
mod own_secret;
mod receiver;
mod settings;
mod world;
