//! Records which tokens were valid lately. They keep the priority of known tokens after their verdict
//! has left the cache.

use std::fmt;
use std::time::Duration;

use moka::sync::Cache;

use crate::cache::{BuildKeyHasher, CacheKey};

/// How long a token is known: a key that is used once a day keeps its priority during a flood.
const MEMORY: Duration = Duration::from_secs(86_400);
/// The minimum number of keys: ten for each verdict in the default cache. Keys are small, and many
/// tokens are used only now and then.
const CAPACITY: u64 = 100_000;

/// The cache keys of tokens that Clerk verified within a day, and when.
///
/// # Security
///
/// This only affects the order of calls. Whether a token is valid is always decided by Clerk. A key is
/// removed as soon as Clerk rejects its token. It is a keyed hash, and nothing else is stored with it.
pub(crate) struct KnownTokens(Cache<CacheKey, Duration, BuildKeyHasher>);

impl KnownTokens {
    /// Creates a record of `capacity` keys, or of [`CAPACITY`] if that is more.
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
    /// Omits the contents: moka would print every entry.
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
