//! Holds the keys in use and renews them; readers never wait on a lock.
//!
//! 1. A configured key is in use for good; nothing is ever fetched for it.
//! 2. Published keys are fetched at first need, and renewed in the background before they are old.
//! 3. Keys that went out of use while nobody asked are renewed before they are used again.
//! 4. While they cannot be renewed they stay in use, up to a bounded age; tries are spaced.
//! 5. A token that names an unknown key, or whose signature is wrong, may cause one fetch per
//!    cooldown, counted from the last try that such a token caused, whatever came of it. A renewal
//!    does not count: keys that were rotated just after it must not wait. Clerk's `kid` is the
//!    instance's id, so a new key may come under the old name.
//! 6. A fetched set replaces the former one and never adds to it. A set that cannot be used
//!    replaces nothing.
//! 7. A set with other contents starts a generation; what was verified under an older one is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderValue;
use tracing::Instrument as _;

use super::set::KeySet;
use super::source::{FetchError, Fetched, KeySource};
use super::windows::{KeyEnds, KeyWindows, pause_after};
use crate::clock::Clock;
use crate::error::{AuthError, Reason};
use crate::flights::{Flights, Waiter};
use crate::tasks::Tasks;

/// Numbers the contents of the key set.
pub(crate) type Generation = u64;

/// Keys that are fit for use, and what they were called when they were read.
#[derive(Debug)]
pub(crate) struct KeysInUse {
    pub(crate) set: KeySet,
    pub(crate) generation: Generation,
}

/// The keys of one instance.
#[derive(Debug)]
pub(crate) enum KeyStore {
    Pinned(Arc<KeysInUse>),
    Published(Arc<PublishedKeys>),
}

/// Keys that are fetched.
#[derive(Debug)]
pub(crate) struct PublishedKeys {
    source: KeySource,
    windows: KeyWindows,
    state: ArcSwap<State>,
    /// When a token that does not fit may cause the next fetch, in monotonic milliseconds.
    next_refetch: AtomicU64,
    fetches: Flights<(), ()>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Clone, Default)]
struct State {
    held: Option<Held>,
    /// Failed fetches since the last good one.
    failures: u32,
    next_try: Duration,
}

#[derive(Debug, Clone)]
struct Held {
    keys: Arc<KeysInUse>,
    ends: KeyEnds,
    fetched_at: Duration,
    tag: Option<HeaderValue>,
}

impl KeyStore {
    pub(crate) fn pinned(set: KeySet) -> Self {
        Self::Pinned(Arc::new(KeysInUse { set, generation: 0 }))
    }

    pub(crate) fn published(source: KeySource, windows: KeyWindows, clock: Arc<dyn Clock>) -> Self {
        Self::Published(Arc::new(PublishedKeys {
            source,
            windows,
            state: ArcSwap::default(),
            next_refetch: AtomicU64::new(0),
            fetches: Flights::new(),
            clock,
        }))
    }

    /// Returns the keys to use now, or `None` where they have to be fetched first.
    pub(crate) fn current(&self, now: Duration, tasks: &Tasks) -> Option<Arc<KeysInUse>> {
        match self {
            Self::Pinned(keys) => Some(Arc::clone(keys)),
            Self::Published(keys) => keys.current(now, tasks),
        }
    }

    /// Returns the generation of the keys to use now, and renews them as [`Self::current`] does.
    pub(crate) fn generation(&self, now: Duration, tasks: &Tasks) -> Option<Generation> {
        match self {
            Self::Pinned(keys) => Some(keys.generation),
            Self::Published(keys) => keys.in_use(now, tasks, |held| held.keys.generation),
        }
    }

    /// Begins to fetch the keys, or joins whoever does; fails while a pause has to be kept.
    pub(crate) fn fetch(
        &self,
        now: Duration,
        tasks: &Tasks,
    ) -> Result<Option<Waiter<()>>, AuthError> {
        match self {
            Self::Pinned(_) => Ok(None),
            Self::Published(keys) => keys.first_fetch(now, tasks).map(Some),
        }
    }

    /// Begins to fetch the keys because a token does not fit them, or joins whoever does; `None`
    /// where that was tried lately.
    pub(crate) fn refetch(&self, now: Duration, tasks: &Tasks) -> Option<Waiter<()>> {
        match self {
            Self::Pinned(_) => None,
            Self::Published(keys) => keys.refetch(now, tasks),
        }
    }

    /// Tells whether there are keys to use now, without fetching any.
    pub(crate) fn is_ready(&self, now: Duration) -> bool {
        match self {
            Self::Pinned(_) => true,
            Self::Published(keys) => {
                let state = keys.state.load();
                state
                    .held
                    .as_ref()
                    .is_some_and(|held| state.serves(held, now))
            }
        }
    }

    /// Returns the age of the keys in use; `None` for a configured key, and where there are none.
    pub(crate) fn age(&self, now: Duration) -> Option<Duration> {
        match self {
            Self::Pinned(_) => None,
            Self::Published(keys) => {
                let fetched_at = keys.state.load().held.as_ref()?.fetched_at;
                Some(now.saturating_sub(fetched_at))
            }
        }
    }
}

impl PublishedKeys {
    fn current(self: &Arc<Self>, now: Duration, tasks: &Tasks) -> Option<Arc<KeysInUse>> {
        self.in_use(now, tasks, |held| Arc::clone(&held.keys))
    }

    /// Takes something of the keys in use, and begins to renew them where that is due.
    fn in_use<T>(
        self: &Arc<Self>,
        now: Duration,
        tasks: &Tasks,
        take: impl FnOnce(&Held) -> T,
    ) -> Option<T> {
        let state = self.state.load();
        let held = state.held.as_ref()?;
        if now >= held.ends.refresh_at && now >= state.next_try {
            // Whether it worked shows at a later look.
            let _detached = self.begin(tasks);
        }
        state.serves(held, now).then(|| take(held))
    }

    fn first_fetch(
        self: &Arc<Self>,
        now: Duration,
        tasks: &Tasks,
    ) -> Result<Waiter<()>, AuthError> {
        if let Some(waiter) = self.fetches.under_way_for(&()) {
            return Ok(waiter);
        }
        let pause = self.state.load().next_try.saturating_sub(now);
        if !pause.is_zero() {
            return Err(AuthError::retry_after(Reason::NoKeys, pause));
        }
        self.begin(tasks)
    }

    fn refetch(self: &Arc<Self>, now: Duration, tasks: &Tasks) -> Option<Waiter<()>> {
        if let Some(waiter) = self.fetches.under_way_for(&()) {
            return Some(waiter);
        }
        if self.takes_refetch(now) {
            return self.begin(tasks).ok();
        }
        // Whoever took it may have begun meanwhile.
        self.fetches.under_way_for(&())
    }

    /// Lets one caller through for each cooldown.
    fn takes_refetch(&self, now: Duration) -> bool {
        let due = self.next_refetch.load(Ordering::Relaxed);
        let next = millis(now.saturating_add(self.windows.cooldown));
        millis(now) >= due
            && self
                .next_refetch
                .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    fn begin(self: &Arc<Self>, tasks: &Tasks) -> Result<Waiter<()>, AuthError> {
        let keys = Arc::clone(self);
        let span = tracing::debug_span!("fetch_keys");
        let fetch = || async move { keys.renew().await }.instrument(span);
        self.fetches
            .join((), tasks, fetch)
            .map_err(|_| Reason::NoRuntime.into())
    }

    /// One try. Only one runs at a time, so nobody else writes the state meanwhile.
    async fn renew(&self) {
        let asked = self.clock.monotonic();
        let before = State::clone(&self.state.load());
        // Noted first: a try that is cut off counts, and is followed by a pause like any other.
        self.state.store(Arc::new(before.tried(asked)));
        let known = before.held.as_ref().and_then(|held| held.tag.clone());
        match self.source.fetch(known).await {
            Ok(fetched) => self.adopt(before, fetched, asked),
            Err(error) => self.fail(&before, &error, asked),
        }
    }

    fn fail(&self, before: &State, error: &FetchError, asked: Duration) {
        report(error, before.held.is_some());
        let failures = before.failures.saturating_add(1);
        self.state.store(Arc::new(State {
            failures,
            ..before.tried(asked)
        }));
    }

    fn adopt(&self, before: State, fetched: Fetched, asked: Duration) {
        let (keys, tag) = match (fetched, before.held) {
            (Fetched::Unchanged, Some(held)) => (held.keys, held.tag),
            // Never: without a tag, `source` takes 304 for an error.
            (Fetched::Unchanged, None) => return,
            (Fetched::Keys(set, tag), held) => (in_use(set, held), tag),
        };
        let held = Held {
            keys,
            ends: self.windows.ends(asked),
            fetched_at: asked,
            tag,
        };
        self.state.store(Arc::new(State {
            held: Some(held),
            failures: 0,
            next_try: asked,
        }));
    }
}

impl State {
    /// Rules 3 and 4: keys past their fresh time serve only while renewing them fails.
    fn serves(&self, held: &Held, now: Duration) -> bool {
        now < held.ends.fresh_until || (self.failures > 0 && now < held.ends.stale_until)
    }

    /// The state while a try is under way.
    fn tried(&self, now: Duration) -> Self {
        let pause = pause_after(self.failures.saturating_add(1));
        Self {
            next_try: now.saturating_add(pause),
            ..self.clone()
        }
    }
}

/// Keeps the generation where the contents are the same.
fn in_use(set: KeySet, former: Option<Held>) -> Arc<KeysInUse> {
    match former {
        Some(held) if held.keys.set == set => held.keys,
        former => {
            let generation = former.map_or(0, |held| held.keys.generation.saturating_add(1));
            tracing::info!(generation, "a new key set is in use");
            Arc::new(KeysInUse { set, generation })
        }
    }
}

fn report(error: &FetchError, have_keys: bool) {
    if have_keys {
        tracing::warn!(%error, "the keys could not be renewed; the former ones stay in use");
    } else {
        tracing::error!(%error, "the keys could not be fetched");
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
