//! Replicas that share Clerk's answers, what they forget, and the budget of calls (rules 20–24).
//!
//! 1. What is shared is Clerk's own answer with the time of its question. It is sealed and bound to
//!    its name; a replica reads it as it reads an answer off the wire, and decides for itself.
//! 2. The store is not trusted. It may lose, delay, change or make up anything: what was not sealed
//!    by a replica is not used, what is old is found out by the times inside, and what is missing
//!    by the numbers of messages.
//! 3. A request waits for the store for five milliseconds at most, and only where nothing is
//!    remembered. Without the store a replica works alone, with its share of the budget.
//!
//! | module | task |
//! |---|---|
//! | `store` | the seam: what a store does |
//! | `keys`, `seal`, `wire` | names, sealing, fields |
//! | `entry`, `recall` | one verification for all |
//! | `event`, `outbox`, `history` | messages, and whether all were read |
//! | `row`, `table` | the shared list of revocations |
//! | `share`, `floor` | the budget |
//! | `replica`, `status` | the work in the background, and how it goes |

mod config;
mod entry;
mod event;
mod floor;
mod history;
mod keys;
#[cfg(any(test, feature = "testing"))]
mod memory;
mod outbox;
mod recall;
#[cfg(feature = "redis")]
mod redis;
mod replica;
mod row;
mod seal;
mod share;
mod status;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod wire;

pub use self::config::Fleet;
pub(crate) use self::config::FleetVariables;
pub(crate) use self::entry::ClerkAnswer;
pub(crate) use self::keys::FleetKeys;
#[cfg(feature = "testing")]
pub use self::memory::{SharedMemory, SharedMemorySnapshot, StoreFault};
pub(crate) use self::recall::{EntryName, Recall, Shared};
pub(crate) use self::replica::{PATIENCE, Replica, ReplicaParts, SharedBudget};
pub(crate) use self::row::Refusal;
pub(crate) use self::share::Share;
pub use self::status::{FleetHealth, FleetState};
