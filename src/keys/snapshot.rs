//! What is held of the published keys, and what is known of the tries to fetch them.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::refresh::pause_after;
use super::set::KeySet;
use crate::cache::Deadlines;

/// Numbers the contents of the key set.
pub(crate) type Generation = u64;

/// Keys that are fit for use, and what they were called when they were read.
#[derive(Debug)]
pub(crate) struct KeySnapshot {
    pub(crate) set: KeySet,
    pub(crate) generation: Generation,
}

/// The state of a store; replaced as a whole.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) fetched: Option<FetchedKeys>,
    /// Failed fetches since the last good one.
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
    /// Rules 2 and 3: keys past their fresh time serve only while renewing them fails.
    pub(super) fn serves(&self, fetched: &FetchedKeys, now: Duration) -> bool {
        now < fetched.deadlines.fresh_until
            || (self.failures > 0 && now < fetched.deadlines.stale_until)
    }

    /// Returns `true` if the keys were asked for after that.
    pub(super) fn is_newer_than(&self, asked_at: Duration) -> bool {
        let fetched = self.fetched.as_ref();
        fetched.is_some_and(|fetched| fetched.fetched_at > asked_at)
    }

    /// The state while a try is under way.
    pub(super) fn tried(&self, now: Duration) -> Self {
        let pause = pause_after(self.failures.saturating_add(1));
        Self {
            next_try: now.saturating_add(pause),
            ..self.clone()
        }
    }
}

/// Keeps the generation where the contents are the same.
pub(super) fn next_snapshot(set: KeySet, former: Option<FetchedKeys>) -> Arc<KeySnapshot> {
    match former {
        Some(fetched) if fetched.keys.set == set => fetched.keys,
        former => {
            let generation = former.map_or(0, |fetched| fetched.keys.generation.saturating_add(1));
            tracing::info!(generation, "a new key set is in use");
            Arc::new(KeySnapshot { set, generation })
        }
    }
}
