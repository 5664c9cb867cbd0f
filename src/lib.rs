//! Machine-token authentication for Rust services on Clerk.

#![forbid(unsafe_code)]

mod clock;
#[allow(dead_code)]
mod evict;
mod id;
#[allow(dead_code)]
mod random;
mod secret;
#[allow(dead_code, unused_imports)]
mod transport;

#[cfg(feature = "testing")]
pub mod testing;

pub use self::clock::{Clock, SystemClock};
pub use self::id::{ApiKeyId, IdError, M2mTokenId, MachineId};
pub use self::secret::{MachineSecretKey, SecretError, SecretKey};
