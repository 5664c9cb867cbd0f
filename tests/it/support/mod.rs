//! What several folders of tests share.

pub(crate) mod child;
pub(crate) mod dice;
pub(crate) mod exchange;
pub(crate) mod log;
pub(crate) mod openapi;
mod operation;
mod schema;
pub(crate) mod tls;
