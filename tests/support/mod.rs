//! What several test programs share; each of them uses a part.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

pub(crate) mod exchange;
pub(crate) mod openapi;
mod operation;
mod schema;
