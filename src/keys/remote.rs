//! Published keys: fetched, used and refreshed. Readers never wait for a lock.
//!
//! 1. Keys are fetched when they are first needed, and refreshed in the background before they expire.
//! 2. Keys that expired while they were not used are refreshed before they are used again.
//! 3. While keys cannot be refreshed, they stay in use up to a maximum age. Attempts are spaced.
//! 4. A token that names an unknown key, or whose signature is wrong, may cause one fetch per cooldown.
//!    The cooldown counts from the last attempt that such a token caused, whatever its outcome. A
//!    refresh does not count: keys that were rotated just after it must not have to wait. Clerk's `kid`
//!    is the id of the instance, so a new key may have the same `kid`. While the last fetch failed,
//!    such a token may be valid, and it is rejected with 503.
//! 5. A fetched set replaces the previous one and never extends it. A set without a usable key replaces
//!    nothing.
//! 6. A set with different contents starts a new generation. Verdicts from older generations are not
//!    used.
//! 7. A fetch that is cancelled, for instance because its runtime shuts down, does not count as an
//!    attempt. A fetch on a runtime that nobody drives is replaced, and a late result of it does not
//!    replace newer keys.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderValue;
use tracing::Instrument as _;

use super::refresh::KeyRefreshPolicy;
use super::snapshot::{FetchedKeys, Generation, KeySnapshot, State, next_snapshot};
use super::source::{FetchError, Fetched, KeySource};
use crate::clock::{Clock, millis};
use crate::error::{AuthError, Reason};
use crate::problem::ProblemRecord;
use crate::single_flight::{Flight, SingleFlight};
use crate::tasks::Tasks;

/// The result of a request for keys newer than those that a token does not match.
pub(crate) enum Refetch {
    /// Newer keys are available.
    Ready,
    Pending(Flight<()>),
    /// A fetch was attempted lately.
    Throttled,
}

/// Keys that are fetched.
#[derive(Debug)]
pub(crate) struct RemoteKeySet {
    source: KeySource,
    policy: KeyRefreshPolicy,
    state: ArcSwap<State>,
    /// Held while the state is replaced. Nothing is awaited meanwhile.
    changing: Mutex<()>,
    /// When a token that matches no key may cause the next fetch, in monotonic milliseconds.
    next_refetch: AtomicU64,
    fetches: SingleFlight<(), ()>,
    record: ProblemRecord,
    clock: Arc<dyn Clock>,
}

impl RemoteKeySet {
    pub(super) fn new(source: KeySource, policy: KeyRefreshPolicy, clock: Arc<dyn Clock>) -> Self {
        Self {
            source,
            policy,
            state: ArcSwap::default(),
            changing: Mutex::default(),
            next_refetch: AtomicU64::new(0),
            fetches: SingleFlight::new(),
            record: ProblemRecord::default(),
            clock,
        }
    }

    pub(super) fn is_ready(&self, now: Duration) -> bool {
        let state = self.state.load();
        let fetched = state.fetched.as_ref();
        fetched.is_some_and(|fetched| state.serves(fetched, now))
    }

    /// Returns the current and the last problem with the fetches.
    pub(super) const fn record(&self) -> &ProblemRecord {
        &self.record
    }

    pub(super) fn age(&self, now: Duration) -> Option<Duration> {
        let fetched_at = self.state.load().fetched.as_ref()?.fetched_at;
        Some(now.saturating_sub(fetched_at))
    }

    pub(super) fn current(
        self: &Arc<Self>,
        now: Duration,
        tasks: &Tasks,
    ) -> Option<Arc<KeySnapshot>> {
        self.in_use(now, tasks, |fetched| Arc::clone(&fetched.keys))
    }

    pub(super) fn generation(self: &Arc<Self>, now: Duration, tasks: &Tasks) -> Option<Generation> {
        self.in_use(now, tasks, |fetched| fetched.keys.generation)
    }

    /// Maps the keys in use, and starts a refresh if one is due.
    fn in_use<T>(
        self: &Arc<Self>,
        now: Duration,
        tasks: &Tasks,
        take: impl FnOnce(&FetchedKeys) -> T,
    ) -> Option<T> {
        let state = self.state.load();
        let fetched = state.fetched.as_ref()?;
        if now >= fetched.deadlines.refresh_at && now >= state.next_try {
            // A later lookup shows whether it succeeded.
            let _detached = self.fetch_if(tasks, || true);
        }
        state.serves(fetched, now).then(|| take(fetched))
    }

    pub(super) fn first_fetch(
        self: &Arc<Self>,
        now: Duration,
        tasks: &Tasks,
    ) -> Result<Flight<()>, AuthError> {
        let pause = || self.state.load().next_try.saturating_sub(now);
        let fetch = self.fetch_if(tasks, || pause().is_zero())?;
        fetch.ok_or_else(|| AuthError::unavailable_for(Reason::NoKeys, pause()))
    }

    pub(super) fn refetch(
        self: &Arc<Self>,
        seen: Generation,
        now: Duration,
        tasks: &Tasks,
    ) -> Result<Refetch, AuthError> {
        if let Some(fetch) = self.fetch_if(tasks, || self.claim_refetch(now))? {
            return Ok(Refetch::Pending(fetch));
        }
        // A fetch may have finished since the keys were read.
        let current = self.current(now, tasks);
        let current = current.filter(|keys| keys.generation != seen);
        Ok(current.map_or(Refetch::Throttled, |_| Refetch::Ready))
    }

    /// Returns `true` to one caller per cooldown. Called while no fetch can start or end.
    fn claim_refetch(&self, now: Duration) -> bool {
        let is_due = millis(now) >= self.next_refetch.load(Ordering::Relaxed);
        if is_due {
            let next = millis(now.saturating_add(self.policy.cooldown));
            self.next_refetch.store(next, Ordering::Relaxed);
        }
        is_due
    }

    /// Joins the fetch in flight, or starts one if that is allowed.
    fn fetch_if(
        self: &Arc<Self>,
        tasks: &Tasks,
        may_begin: impl FnOnce() -> bool,
    ) -> Result<Option<Flight<()>>, AuthError> {
        let keys = Arc::clone(self);
        let fetch = move || {
            let (keys, span) = (Arc::clone(&keys), tracing::debug_span!("clerk.fetch_keys"));
            async move { keys.renew().await }.instrument(span)
        };
        self.fetches
            .join_if((), tasks, may_begin, fetch)
            .map_err(|error| Reason::from(error).into())
    }

    pub(super) fn key_mismatch(&self, reason: Reason, now: Duration) -> AuthError {
        let state = self.state.load();
        if state.failures == 0 {
            return reason.into();
        }
        let now = Duration::from_millis(millis(now));
        let refetch = Duration::from_millis(self.next_refetch.load(Ordering::Relaxed));
        let next = match &state.fetched {
            Some(fetched) => refetch.min(fetched.deadlines.refresh_at.max(state.next_try)),
            None => state.next_try,
        };
        AuthError::unavailable_for(Reason::NoKeys, next.saturating_sub(now))
    }

    async fn renew(&self) {
        let asked_at = self.clock.monotonic();
        let begun = Try::begin(self, asked_at);
        let fetched = self.source.fetch(begun.known.clone()).await;
        match fetched {
            Ok(fetched) => {
                self.record.worked();
                self.adopt(begun.known.as_ref(), fetched, asked_at);
            }
            Err(error) => {
                self.record.failed(error.failure(), self.clock.unix_time());
                self.fail(&error, asked_at);
            }
        }
        begun.end();
    }

    /// Replaces the state if `edit` returns a new one.
    fn change(&self, edit: impl FnOnce(&State) -> Option<State>) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = edit(&self.state.load()) {
            self.state.store(Arc::new(state));
        }
    }

    fn fail(&self, error: &FetchError, asked_at: Duration) {
        self.change(|state| {
            report(error, state.fetched.is_some());
            let failures = state.failures.saturating_add(1);
            (!state.is_newer_than(asked_at)).then(|| State {
                failures,
                ..state.tried(asked_at)
            })
        });
    }

    fn adopt(&self, known: Option<&HeaderValue>, fetched: Fetched, asked_at: Duration) {
        self.change(|state| {
            if state.is_newer_than(asked_at) {
                return None;
            }
            let (keys, tag) = match (fetched, state.fetched.clone()) {
                // Other keys arrived meanwhile, so "unchanged" does not refer to the current ones.
                (Fetched::Unchanged, Some(fetched)) if fetched.tag.as_ref() != known => {
                    return None;
                }
                (Fetched::Unchanged, Some(fetched)) => (fetched.keys, fetched.tag),
                // Unreachable: without a tag, `source` treats 304 as an error.
                (Fetched::Unchanged, None) => return None,
                (Fetched::Keys(set, tag), fetched) => (next_snapshot(set, fetched), tag),
            };
            let fetched = FetchedKeys {
                keys,
                deadlines: self.policy.deadlines(asked_at),
                fetched_at: asked_at,
                tag,
            };
            Some(State {
                fetched: Some(fetched),
                failures: 0,
                next_try: asked_at,
            })
        });
    }
}

/// A fetch in flight. It is recorded as an attempt at once, so that one that panics is followed by a
/// pause like any other.
struct Try<'a> {
    keys: &'a RemoteKeySet,
    /// The entity tag of the keys when the fetch started.
    known: Option<HeaderValue>,
    next_try_before: Duration,
    next_try: Duration,
    is_over: bool,
}

impl<'a> Try<'a> {
    fn begin(keys: &'a RemoteKeySet, asked_at: Duration) -> Self {
        let before = keys.state.load_full();
        let tried = before.tried(asked_at);
        let begun = Self {
            keys,
            known: before
                .fetched
                .as_ref()
                .and_then(|fetched| fetched.tag.clone()),
            next_try_before: before.next_try,
            next_try: tried.next_try,
            is_over: false,
        };
        keys.change(|state| Some(state.tried(asked_at)));
        begun
    }

    fn end(mut self) {
        self.is_over = true;
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        if self.is_over || std::thread::panicking() {
            return;
        }
        self.keys.next_refetch.store(0, Ordering::Relaxed);
        self.keys.change(|state| {
            (state.next_try == self.next_try).then(|| State {
                next_try: self.next_try_before,
                ..state.clone()
            })
        });
    }
}

fn report(error: &FetchError, have_keys: bool) {
    if have_keys {
        tracing::warn!(%error, "the keys could not be refreshed; the previous ones stay in use");
    } else {
        tracing::error!(%error, "the keys could not be fetched");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::keys::set::KeySet;
    use crate::transport::{RetryPolicy, Transport};

    const HOUR: Duration = Duration::from_secs(3_600);

    fn set() -> KeySet {
        let n = "3".repeat(341) + "w";
        let jwk = format!(r#"{{"keys":[{{"kty":"RSA","kid":"a","n":"{n}","e":"AQAB"}}]}}"#);
        KeySet::parse(jwk.as_bytes()).unwrap()
    }

    /// Keys that cannot be refreshed now, because a token that matched none has just caused a fetch.
    fn fetched(generation: Generation, port: u16) -> Arc<RemoteKeySet> {
        let retry = RetryPolicy {
            deadline: HOUR,
            retries: 0,
            pause: HOUR,
            wait_for_rate_limit: false,
        };
        let url = format!("http://127.0.0.1:{port}").parse().unwrap();
        let source = KeySource::new(Transport::new(HOUR), url, None, retry, Arc::default());
        let policy = KeyRefreshPolicy {
            fresh: HOUR,
            refresh_ahead: HOUR / 60,
            cooldown: HOUR,
            max_stale: HOUR,
        };
        let keys = RemoteKeySet::new(source, policy, Arc::new(SystemClock));
        keys.state.store(Arc::new(State {
            fetched: Some(FetchedKeys {
                keys: Arc::new(KeySnapshot {
                    set: set(),
                    generation,
                }),
                deadlines: policy.deadlines(Duration::ZERO),
                fetched_at: Duration::ZERO,
                tag: None,
            }),
            ..State::default()
        }));
        assert!(keys.claim_refetch(Duration::ZERO));
        Arc::new(keys)
    }

    #[tokio::test]
    async fn rule_7_keys_that_landed_since_the_token_was_held_against_them_are_taken() {
        let (keys, tasks) = (fetched(2, 9), Tasks::new(HOUR));
        let current = |seen| keys.refetch(seen, Duration::ZERO, &tasks).unwrap();
        assert!(matches!(current(1), Refetch::Ready));
        assert!(matches!(current(2), Refetch::Throttled));
    }

    /// Eight tokens at once: one may cause a fetch, and each of the others has to wait for it.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn rule_7_nobody_is_turned_away_while_another_begins_a_fetch() {
        // It accepts connections and never responds.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let keys = fetched(1, silent.local_addr().unwrap().port());
        for round in 1..=1_000_u32 {
            let (now, tasks) = (HOUR * 2 * round, Tasks::new(HOUR));
            let here = tokio::runtime::Handle::current();
            let start = std::sync::Barrier::new(8);
            let waits = std::thread::scope(|scope| {
                let ask = || {
                    let _inside = here.enter();
                    start.wait();
                    matches!(keys.refetch(1, now, &tasks), Ok(Refetch::Pending(_)))
                };
                let asked_at: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
                asked_at
                    .into_iter()
                    .all(|asked_at| asked_at.join().unwrap())
            });
            assert!(waits, "round {round}");
            drop(tasks);
            while keys.fetches.in_flight() > 0 {
                tokio::task::yield_now().await;
            }
        }
    }
}
