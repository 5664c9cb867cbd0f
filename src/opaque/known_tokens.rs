//! Which tokens were good lately: they keep the lane of known tokens when nothing else is cached of
//! them.

use std::fmt;
use std::time::Duration;

use moka::sync::Cache;

use crate::cache::{BuildKeyHasher, CacheKey};

/// A key that is used once a day is no newcomer, whoever floods the service meanwhile.
const MEMORY: Duration = Duration::from_secs(86_400);
/// Names that are held at least, ten for each verdict that the default cache holds: names are
/// small, and tokens in use now and then are many.
const CAPACITY: u64 = 100_000;

/// Names of tokens that Clerk vouched for within a day, and when.
///
/// # Security
///
/// Only the order in which calls are made goes by it: whether a token is good, Clerk is asked. A
/// name is forgotten as soon as Clerk rejects its token. It is a keyed hash, and nothing else is
/// kept with it.
pub(crate) struct KnownTokens(Cache<CacheKey, Duration, BuildKeyHasher>);

impl KnownTokens {
    /// Holds `capacity` names, or more.
    pub(crate) fn new(capacity: u64) -> Self {
        let cache = Cache::builder()
            .max_capacity(capacity.max(CAPACITY))
            .time_to_live(MEMORY);
        Self(cache.build_with_hasher(BuildKeyHasher::default()))
    }

    pub(super) fn contains(&self, key: &CacheKey, now: Duration) -> bool {
        let good_at = self.0.get(key);
        good_at.is_some_and(|good_at| now.saturating_sub(good_at) < MEMORY)
    }

    pub(super) fn insert(&self, key: CacheKey, now: Duration) {
        self.0.insert(key, now);
    }

    pub(super) fn remove(&self, key: &CacheKey) {
        self.0.invalidate(key);
    }
}

impl fmt::Debug for KnownTokens {
    /// Leaves the contents out: moka would print every entry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownTokens").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{Domain, KeyHasher};

    #[test]
    fn rule_12_names_are_held_for_a_day_and_are_bounded() {
        let (known, hasher) = (KnownTokens::new(0), KeyHasher::new().unwrap());
        let key = |n: u64| hasher.key(Domain::ApiKey, &n.to_le_bytes());
        known.insert(key(0), MEMORY);
        assert!(known.contains(&key(0), MEMORY * 2 - Duration::from_millis(1)));
        assert!(!known.contains(&key(0), MEMORY * 2));
        known.remove(&key(0));
        assert!(!known.contains(&key(0), MEMORY));
        for n in 0..2 * CAPACITY {
            known.insert(key(n), MEMORY);
        }
        known.0.run_pending_tasks();
        assert!(known.0.entry_count() <= CAPACITY);
    }
}
