//! Requests as bytes on a socket, where no client library tidies them: rules 1 to 3 and 17.
#![allow(clippy::unwrap_used, clippy::panic)] // a helper that fails is a test that fails

mod bodies;
mod http1;
mod http2;
mod server;
