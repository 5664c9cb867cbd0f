//! The public keys that JWTs are verified with.

mod key;
mod pem;
mod published;
mod set;
mod source;
mod state;
mod store;
#[cfg(test)]
mod vectors;
mod windows;

pub(crate) use self::pem::parse as parse_pem;
pub(crate) use self::published::Newer;
pub(crate) use self::set::KeySet;
#[cfg(fuzzing)]
pub(crate) use self::set::pinned;
pub(crate) use self::source::KeySource;
pub(crate) use self::state::{Generation, KeysInUse};
pub(crate) use self::store::KeyStore;
pub(crate) use self::windows::KeyWindows;
