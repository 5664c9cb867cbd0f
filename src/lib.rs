//! Machine-token authentication for Rust services on Clerk.

pub mod clock;
pub use clock::{Clock, SystemClock};

#[cfg(feature = "testing")]
pub mod testing;
