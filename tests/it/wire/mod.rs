//! Requests as bytes on a socket, where no client library tidies them: rules 1 to 3 and 17.

mod bodies;
mod http1;
mod http2;
mod server;
