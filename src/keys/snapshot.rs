//! The state of the published keys, and of the attempts to fetch them.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::refresh::pause_after;
use super::set::KeySet;
use crate::cache::Deadlines;

/// The number of a version of the key set's contents.
pub(crate) type Generation = u64;

/// A key set and its generation.
#[derive(Debug)]
pub(crate) struct KeySnapshot {
    pub(crate) set: KeySet,
    pub(crate) generation: Generation,
}

/// The state of a store. It is replaced as a whole.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) fetched: Option<FetchedKeys>,
    /// Failed fetches since the last successful one.
    pub(super) failures: u32,
    pub(super) next_try: Duration,
}

/// Keys that were fetched.
#[derive(Debug, Clone)]
pub(super) struct FetchedKeys {
    pub(super) keys: Arc<KeySnapshot>,
    pub(super) deadlines: Deadlines,
    pub(super) fetched_at: Duration,
    pub(super) tag: Option<HeaderValue>,
}

impl State {
    /// Returns `true` if the keys may be used. Expired keys are used only while refreshing them fails
    /// (rules 2 and 3).
    pub(super) fn serves(&self, fetched: &FetchedKeys, now: Duration) -> bool {
        now < fetched.deadlines.fresh_until
            || (self.failures > 0 && now < fetched.deadlines.stale_until)
    }

    /// Returns `true` if the keys were requested after `asked_at`.
    pub(super) fn is_newer_than(&self, asked_at: Duration) -> bool {
        let fetched = self.fetched.as_ref();
        fetched.is_some_and(|fetched| fetched.fetched_at > asked_at)
    }

    /// Returns the state while an attempt is in flight.
    pub(super) fn tried(&self, now: Duration) -> Self {
        let pause = pause_after(self.failures.saturating_add(1));
        Self {
            next_try: now.saturating_add(pause),
            ..self.clone()
        }
    }
}

/// Returns the next snapshot. The generation stays the same if the contents do.
pub(super) fn next_snapshot(set: KeySet, former: Option<FetchedKeys>) -> Arc<KeySnapshot> {
    match former {
        Some(fetched) if fetched.keys.set == set => fetched.keys,
        former => {
            let generation = former.map_or(0, |fetched| fetched.keys.generation.saturating_add(1));
            tracing::info!(generation, "using a new key set");
            Arc::new(KeySnapshot { set, generation })
        }
    }
}
