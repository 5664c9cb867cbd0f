//! Tests of the cache, on a manual clock.

use super::*;
use crate::cache::key::{Domain, KeyHasher};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

#[derive(Debug, Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn unix_time(&self) -> Duration {
        self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

impl CacheValue for u32 {
    fn tags(&self) -> [&str; 2] {
        ["mt_1", "mch_1"]
    }

    fn heap_size(&self) -> usize {
        *self as usize
    }
}

struct Bench {
    cache: Arc<VerdictCache<u32>>,
    clock: Arc<Hand>,
    invalidations: Arc<Invalidations>,
    tasks: Tasks,
    key: CacheKey,
    asked_at: Arc<AtomicU32>,
}

impl Bench {
    fn new() -> Self {
        let hasher = Arc::new(KeyHasher::new().unwrap());
        let (clock, invalidations) = (Arc::<Hand>::default(), Arc::new(Invalidations::new(hasher)));
        let second = Duration::from_secs(1);
        let ttl = Ttl {
            fresh: second * 60,
            renewed: true,
            jitter: 0.0,
            stale_if_error: second * 60,
            negative: second * 10,
        };
        let config = VerdictCacheConfig {
            ttl,
            valid_capacity: 100,
            valid_bytes: 1_000_000,
            rejected_capacity: 100,
        };
        let cache = VerdictCache::new(
            config,
            Arc::clone(&invalidations),
            Arc::clone(&clock) as Arc<dyn Clock>,
        );
        let key = KeyHasher::new().unwrap().key(Domain::M2m, b"mt_a");
        let asked_at = Arc::default();
        Self {
            cache: Arc::new(cache),
            clock,
            invalidations,
            tasks: Tasks::new(Duration::from_secs(3)),
            key,
            asked_at,
        }
    }

    fn at(&self, seconds: u64) -> CacheState<u32> {
        self.clock.0.store(seconds, Ordering::SeqCst);
        self.cache.get(&self.key, Duration::from_secs(seconds))
    }

    async fn fetch(&self, priority: Priority, outcome: Outcome<u32>) -> Outcome<u32> {
        let asked_at = Arc::clone(&self.asked_at);
        let fetch = move |_| {
            let (asked_at, outcome) = (Arc::clone(&asked_at), outcome.clone());
            async move {
                asked_at.fetch_add(1, Ordering::SeqCst);
                outcome
            }
        };
        let waiter = self
            .cache
            .fetch(self.key, priority, &self.tasks, fetch)
            .unwrap();
        waiter.result(self.tasks.deadline()).await.unwrap()
    }
}

#[tokio::test]
async fn rule_10_an_answer_is_fresh_then_due_then_stale_then_over() {
    let bench = Bench::new();
    bench.fetch(Priority::New, Outcome::Valid(7)).await;
    assert!(matches!(bench.at(47), CacheState::Fresh(7)));
    assert!(matches!(bench.at(48), CacheState::RefreshDue(7)));
    assert!(
        matches!(bench.at(52), CacheState::Fresh(7)),
        "one refresh at a time"
    );
    assert!(
        matches!(bench.at(53), CacheState::RefreshDue(7)),
        "the pause is over"
    );
    assert!(matches!(bench.at(59), CacheState::RefreshDue(7)));
    assert!(matches!(bench.at(60), CacheState::Stale(7)));
    assert!(matches!(bench.at(119), CacheState::Stale(7)));
    assert!(matches!(bench.at(120), CacheState::Miss));
}

#[tokio::test]
async fn rule_10_the_quick_look_finds_only_what_needs_nothing() {
    let bench = Bench::new();
    let recall = |seconds| {
        bench
            .cache
            .get_fresh(&bench.key, Duration::from_secs(seconds))
    };
    assert_eq!(recall(0), None);
    bench.fetch(Priority::New, Outcome::Valid(7)).await;
    assert_eq!((recall(47), recall(48)), (Some(7), None));
    bench.invalidations.invalidate_tag("mch_1");
    assert_eq!(recall(0), None);
}

#[tokio::test]
async fn rule_10_a_renewal_really_asks() {
    let bench = Bench::new();
    bench.fetch(Priority::New, Outcome::Valid(1)).await;
    bench.fetch(Priority::New, Outcome::Valid(2)).await;
    assert_eq!(
        bench.asked_at.load(Ordering::SeqCst),
        1,
        "the second look finds the answer"
    );
    bench.fetch(Priority::Revalidation, Outcome::Valid(3)).await;
    assert!(matches!(bench.at(1), CacheState::Fresh(3)));
}

#[tokio::test]
async fn rule_8_only_definite_answers_are_remembered() {
    let bench = Bench::new();
    bench
        .fetch(Priority::New, Outcome::Unavailable(Reason::Upstream.into()))
        .await;
    assert!(matches!(bench.at(0), CacheState::Miss));
    bench
        .fetch(Priority::New, Outcome::Rejected(Reason::UnknownToken))
        .await;
    assert!(matches!(
        bench.at(9),
        CacheState::Rejected(Reason::UnknownToken)
    ));
    assert!(matches!(bench.at(10), CacheState::Miss));
}

#[tokio::test]
async fn rule_8_a_no_replaces_a_yes_and_an_outage_does_not() {
    let bench = Bench::new();
    bench.fetch(Priority::New, Outcome::Valid(1)).await;
    bench
        .fetch(
            Priority::Revalidation,
            Outcome::Unavailable(Reason::Upstream.into()),
        )
        .await;
    assert!(matches!(bench.at(1), CacheState::Fresh(1)));
    bench
        .fetch(
            Priority::Revalidation,
            Outcome::Rejected(Reason::UnknownToken),
        )
        .await;
    assert!(matches!(bench.at(1), CacheState::Rejected(_)));
}

#[tokio::test]
async fn rule_10_what_was_invalidated_is_not_found_again() {
    let bench = Bench::new();
    for forget in [
        Invalidations::invalidate_all,
        |invalidations: &Invalidations| {
            invalidations.invalidate_tag("mch_1");
        },
    ] {
        bench.fetch(Priority::New, Outcome::Valid(1)).await;
        assert!(matches!(bench.at(0), CacheState::Fresh(1)));
        forget(&bench.invalidations);
        assert!(matches!(bench.at(0), CacheState::Invalidated));
    }
    bench
        .fetch(Priority::New, Outcome::Rejected(Reason::UnknownToken))
        .await;
    bench.invalidations.apply_key(bench.key);
    assert!(matches!(bench.at(0), CacheState::Miss));
}

#[tokio::test]
async fn rule_10_an_answer_asked_for_before_an_invalidation_does_not_count_after_it() {
    let bench = Bench::new();
    let invalidations = Arc::clone(&bench.invalidations);
    let fetch = move |_| {
        let invalidations = Arc::clone(&invalidations);
        async move {
            invalidations.invalidate_tag("mt_1");
            Outcome::Valid(1)
        }
    };
    let waiter = bench
        .cache
        .fetch(bench.key, Priority::New, &bench.tasks, fetch)
        .unwrap();
    let outcome = waiter.result(bench.tasks.deadline()).await;
    assert!(matches!(outcome, Ok(Outcome::Valid(1))));
    assert!(matches!(bench.at(0), CacheState::Invalidated));
}

/// Starts a fetch, starts another one a second later, and completes the first one last.
async fn answered_late(first: u32, second: Outcome<u32>) -> (Outcome<u32>, CacheState<u32>) {
    let bench = Bench::new();
    let go = Arc::new(tokio::sync::Notify::new());
    let answer = Arc::clone(&go);
    let fetch = move |_| {
        let go = Arc::clone(&go);
        async move {
            go.notified().await;
            Outcome::Valid(first)
        }
    };
    let early = bench
        .cache
        .fetch(bench.key, Priority::New, &bench.tasks, fetch)
        .unwrap();
    tokio::task::yield_now().await;
    // An unrelated invalidation: every later fetch is another flight.
    bench.invalidations.invalidate_tag("mt_other");
    bench.at(1);
    bench.fetch(Priority::New, second).await;
    answer.notify_one();
    let outcome = early.result(bench.tasks.deadline()).await.unwrap();
    (outcome, bench.at(1))
}

#[tokio::test]
async fn rule_10_an_answer_asked_for_earlier_does_not_replace_a_newer_no() {
    let no = Outcome::Rejected(Reason::UnknownToken);
    let (lookup, kept) = answered_late(1, no).await;
    assert!(
        matches!(lookup, Outcome::Rejected(Reason::UnknownToken)),
        "{lookup:?}"
    );
    assert!(
        matches!(kept, CacheState::Rejected(Reason::UnknownToken)),
        "{kept:?}"
    );
}

#[tokio::test]
async fn rule_10_an_answer_asked_for_earlier_does_not_replace_a_newer_one() {
    let (lookup, kept) = answered_late(1, Outcome::Valid(2)).await;
    assert!(matches!(lookup, Outcome::Valid(1)), "{lookup:?}");
    assert!(matches!(kept, CacheState::Fresh(2)), "{kept:?}");
}

#[test]
fn rule_19_debug_shows_no_entry() {
    let bench = Bench::new();
    bench
        .cache
        .insert(bench.key, bench.cache.epoch(), Duration::ZERO, 424_242);
    assert!(!format!("{:?}", bench.cache).contains("424242"));
}

/// Fetches a stale verdict, and fails when the clock stands at `end`.
async fn in_vain_until(end: u64) -> Result<u32, AuthError> {
    let bench = Bench::new();
    bench.fetch(Priority::New, Outcome::Valid(7)).await;
    assert!(matches!(bench.at(119), CacheState::Stale(7)));
    let clock = Arc::clone(&bench.clock);
    let fetch = move |priority| {
        let clock = Arc::clone(&clock);
        async move {
            assert_eq!(priority, Priority::Revalidation);
            clock.0.store(end, Ordering::SeqCst);
            Outcome::Unavailable(Reason::Upstream.into())
        }
    };
    let now = Duration::from_secs(119);
    let wait = crate::tasks::Wait {
        tasks: &bench.tasks,
        deadline: None,
    };
    let (lookup, _) = bench.cache.get_or_fetch(bench.key, now, wait, || fetch);
    lookup.into_result().await
}

#[tokio::test]
async fn rule_13_what_ended_while_clerk_was_asked_is_not_used() {
    assert_eq!(in_vain_until(119).await.unwrap(), 7);
    let error = in_vain_until(120).await.unwrap_err();
    assert_eq!(error.cause(), Reason::Upstream);
}

#[test]
fn rule_10_good_answers_are_bounded_by_number_and_by_weight() {
    let bench = Bench::new();
    let hasher = KeyHasher::new().unwrap();
    for (size, most) in [(1, 100), (5_000, 100), (50_000, 20), (900_000, 1)] {
        for n in 0..1_000_u32 {
            let key = hasher.key(Domain::M2m, &n.to_be_bytes());
            bench
                .cache
                .insert(key, bench.cache.epoch(), Duration::ZERO, size);
        }
        bench.cache.valid.run_pending_tasks();
        let held = bench.cache.valid.entry_count();
        assert!(held <= most, "{held} of {size} bytes");
        assert!(held >= most / 2, "{held} of {size} bytes");
        bench.cache.valid.invalidate_all();
        bench.cache.valid.run_pending_tasks();
    }
}

#[test]
fn rule_10_a_huge_budget_for_few_answers_does_not_loosen_their_number() {
    let bench = Bench::new();
    let life = Duration::from_secs(60);
    let cache = weighed::<u32>(3, u64::MAX, life);
    let hasher = KeyHasher::new().unwrap();
    let deadlines = bench.cache.ttl.deadlines(&bench.key, Duration::ZERO);
    for n in 0..100_u32 {
        let (value, epoch) = (n, bench.cache.epoch());
        let key = hasher.key(Domain::M2m, &n.to_be_bytes());
        cache.insert(
            key,
            Entry {
                value,
                epoch,
                deadlines,
            },
        );
    }
    cache.run_pending_tasks();
    assert_eq!(cache.entry_count(), 3);
}

#[tokio::test]
async fn rule_10_what_was_invalidated_is_asked_about_as_a_known_token_and_not_used_before() {
    let bench = Bench::new();
    bench.fetch(Priority::New, Outcome::Valid(1)).await;
    bench.invalidations.invalidate_tag("mt_1");
    for outcome in [
        Outcome::Unavailable(Reason::Upstream.into()),
        Outcome::Valid(2),
    ] {
        let is_good = matches!(outcome, Outcome::Valid(_));
        let fetch = move |priority| {
            assert_eq!(priority, Priority::Revalidation);
            std::future::ready(outcome.clone())
        };
        let wait = crate::tasks::Wait {
            tasks: &bench.tasks,
            deadline: None,
        };
        let (lookup, _) = bench
            .cache
            .get_or_fetch(bench.key, Duration::ZERO, wait, || fetch);
        assert_eq!(lookup.into_result().await.ok(), is_good.then_some(2));
    }
    assert!(matches!(bench.at(1), CacheState::Fresh(2)));
}
