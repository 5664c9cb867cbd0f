//! The public keys that JWTs are verified with.
//!
//! Order within this folder: `key` ← `pem`, `set` ← `source` ← `store`.

mod key;
mod pem;
mod set;

pub(crate) use self::key::{KeyError, VerificationKey};
pub(crate) use self::pem::{PemError, parse as parse_pem};
pub(crate) use self::set::{KeySet, KeySetError};
