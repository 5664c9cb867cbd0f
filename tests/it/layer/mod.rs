//! The layers around a service that counts: what gets in, what it carries, what is answered.

mod answers;
mod extractors;
mod forgotten;
mod grpc;
mod nested;
mod options;
mod other_tokens;
mod readiness;
mod revocable;
mod scopes;
pub(crate) mod world;
