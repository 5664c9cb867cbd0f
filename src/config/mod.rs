//! What both builders share: the secrets and the address of Clerk, read from the environment and
//! checked in one place, with one error type.

mod access;
mod env;
mod error;

pub(crate) use self::access::Access;
pub(crate) use self::env::{Variable, from_env};
pub use self::error::BuildError;
