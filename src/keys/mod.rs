//! The public keys that JWTs are verified with.

mod key;
mod pem;
mod refresh;
mod remote;
mod set;
mod snapshot;
mod source;
mod store;
#[cfg(test)]
mod vectors;

pub(crate) use self::pem::parse as parse_pem;
pub(crate) use self::refresh::KeyRefreshPolicy;
pub(crate) use self::remote::Refetch;
pub(crate) use self::set::KeySet;
#[cfg(fuzzing)]
pub(crate) use self::set::fixed;
pub(crate) use self::snapshot::{Generation, KeySnapshot};
pub(crate) use self::source::KeySource;
pub(crate) use self::store::KeyStore;
