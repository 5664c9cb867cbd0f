//! The authenticator against the emulator, over real HTTP: what is let in, and by whom it is asked.

mod accepted;
mod announced;
mod clients;
mod forgotten;
mod headers;
mod instance_secret;
mod key_sources;
mod no_roots;
mod own_secret;
mod plain_http;
mod receiver;
mod revoked;
mod settings;
mod world;
