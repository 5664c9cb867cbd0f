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
pub(super) struct OnceGood(Cache<CacheKey, Duration, BuildKeyHasher>);

impl OnceGood {
    /// Holds `capacity` names, or more.
    pub(super) fn new(capacity: u64) -> Self {
        let cache = Cache::builder()
            .max_capacity(capacity.max(CAPACITY))
            .time_to_live(MEMORY);
        Self(cache.build_with_hasher(BuildKeyHasher::default()))
    }

    pub(super) fn holds(&self, name: &CacheKey, now: Duration) -> bool {
        let good_at = self.0.get(name);
        good_at.is_some_and(|good_at| now.saturating_sub(good_at) < MEMORY)
    }

    pub(super) fn insert(&self, name: CacheKey, now: Duration) {
        self.0.insert(name, now);
    }

    pub(super) fn remove(&self, name: &CacheKey) {
        self.0.invalidate(name);
    }
}

impl fmt::Debug for OnceGood {
    /// Leaves the contents out: moka would print every entry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceGood").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{Domain, KeyHasher};

    #[test]
    fn rule_12_names_are_held_for_a_day_and_are_bounded() {
        let (names, hasher) = (OnceGood::new(0), KeyHasher::new().unwrap());
        let name = |n: u64| hasher.key(Domain::ApiKey, &n.to_le_bytes());
        names.insert(name(0), MEMORY);
        assert!(names.holds(&name(0), MEMORY * 2 - Duration::from_millis(1)));
        assert!(!names.holds(&name(0), MEMORY * 2));
        names.remove(&name(0));
        assert!(!names.holds(&name(0), MEMORY));
        for n in 0..2 * CAPACITY {
            names.insert(name(n), MEMORY);
        }
        names.0.run_pending_tasks();
        assert!(names.0.entry_count() <= CAPACITY);
    }
}
