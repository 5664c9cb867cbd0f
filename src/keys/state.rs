//! What is held of the published keys, and what is known of the tries to fetch them.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::set::KeySet;
use super::windows::{KeyEnds, pause_after};

/// Numbers the contents of the key set.
pub(crate) type Generation = u64;

/// Keys that are fit for use, and what they were called when they were read.
#[derive(Debug)]
pub(crate) struct KeysInUse {
    pub(crate) set: KeySet,
    pub(crate) generation: Generation,
}

/// The state of a store; replaced as a whole.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) held: Option<Held>,
    /// Failed fetches since the last good one.
    pub(super) failures: u32,
    pub(super) next_try: Duration,
}

/// Keys that were fetched.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) keys: Arc<KeysInUse>,
    pub(super) ends: KeyEnds,
    pub(super) fetched_at: Duration,
    pub(super) tag: Option<HeaderValue>,
}

impl State {
    /// Rules 2 and 3: keys past their fresh time serve only while renewing them fails.
    pub(super) fn serves(&self, held: &Held, now: Duration) -> bool {
        now < held.ends.fresh_until || (self.failures > 0 && now < held.ends.stale_until)
    }

    /// Returns `true` if the keys were asked for after that.
    pub(super) fn is_newer_than(&self, asked: Duration) -> bool {
        let held = self.held.as_ref();
        held.is_some_and(|held| held.fetched_at > asked)
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
pub(super) fn succeed(set: KeySet, former: Option<Held>) -> Arc<KeysInUse> {
    match former {
        Some(held) if held.keys.set == set => held.keys,
        former => {
            let generation = former.map_or(0, |held| held.keys.generation.saturating_add(1));
            tracing::info!(generation, "a new key set is in use");
            Arc::new(KeysInUse { set, generation })
        }
    }
}
