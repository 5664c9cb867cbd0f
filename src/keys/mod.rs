//! The public keys that JWTs are verified with.
//!
//! Order within this folder: `key`, `windows` ← `pem`, `set` ← `source` ← `store`.

mod key;
mod pem;
mod set;
mod source;
mod store;
#[cfg(test)]
mod vectors;
mod windows;

pub(crate) use self::pem::parse as parse_pem;
pub(crate) use self::set::KeySet;
#[cfg(fuzzing)]
pub(crate) use self::set::pinned;
pub(crate) use self::source::KeySource;
pub(crate) use self::store::{Generation, KeyStore, KeysInUse};
pub(crate) use self::windows::KeyWindows;
