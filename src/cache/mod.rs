//! Caches verdicts: facts with their deadlines, never decisions.

mod invalidation;
mod key;
mod lookup;
mod nh;
mod ttl;
mod verdicts;

pub(crate) use self::invalidation::{Broadcast, Epoch, Invalidations};
pub(crate) use self::key::{BuildKeyHasher, CacheKey, Domain, KeyHasher};
pub(crate) use self::lookup::Lookup;
pub(crate) use self::ttl::{Deadlines, Ttl};
pub(crate) use self::verdicts::{
    CacheValue, Fetched, Outcome, Priority, Since, VerdictCache, VerdictCacheConfig,
};
