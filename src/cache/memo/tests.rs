//! Tests of the memory, on a clock moved by hand.

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

impl Named for u32 {
    fn names(&self) -> [&str; 2] {
        ["mt_1", "mch_1"]
    }

    fn heap_size(&self) -> usize {
        *self as usize
    }
}

struct Bench {
    memo: Arc<Memo<u32>>,
    clock: Arc<Hand>,
    marks: Arc<Marks>,
    tasks: Tasks,
    key: CacheKey,
    asked: Arc<AtomicU32>,
}

impl Bench {
    fn new() -> Self {
        let hasher = Arc::new(KeyHasher::new().unwrap());
        let (clock, marks) = (Arc::<Hand>::default(), Arc::new(Marks::new(hasher)));
        let second = Duration::from_secs(1);
        let windows = Windows {
            fresh: second * 60,
            renewed: true,
            jitter: 0.0,
            stale_if_error: second * 60,
            negative: second * 10,
        };
        let config = MemoConfig {
            windows,
            good_capacity: 100,
            good_bytes: 1_000_000,
            bad_capacity: 100,
        };
        let memo = Memo::new(
            config,
            Arc::clone(&marks),
            Arc::clone(&clock) as Arc<dyn Clock>,
        );
        let key = KeyHasher::new().unwrap().key(Domain::M2m, b"mt_a");
        let asked = Arc::default();
        Self {
            memo: Arc::new(memo),
            clock,
            marks,
            tasks: Tasks::new(Duration::from_secs(3)),
            key,
            asked,
        }
    }

    fn at(&self, seconds: u64) -> Found<u32> {
        self.clock.0.store(seconds, Ordering::SeqCst);
        self.memo.look(&self.key, Duration::from_secs(seconds))
    }

    async fn ask(&self, why: Why, outcome: Outcome<u32>) -> Outcome<u32> {
        let asked = Arc::clone(&self.asked);
        let question = move |_| {
            let (asked, outcome) = (Arc::clone(&asked), outcome.clone());
            async move {
                asked.fetch_add(1, Ordering::SeqCst);
                outcome
            }
        };
        let waiter = self.memo.ask(self.key, why, &self.tasks, question).unwrap();
        waiter.landed(self.tasks.deadline()).await.unwrap()
    }
}

#[tokio::test]
async fn rule_10_an_answer_is_fresh_then_due_then_stale_then_over() {
    let bench = Bench::new();
    bench.ask(Why::Unknown, Outcome::Good(7)).await;
    assert!(matches!(bench.at(47), Found::Fresh(7)));
    assert!(matches!(bench.at(48), Found::Due(7)));
    assert!(
        matches!(bench.at(52), Found::Fresh(7)),
        "one refresh at a time"
    );
    assert!(matches!(bench.at(53), Found::Due(7)), "the pause is over");
    assert!(matches!(bench.at(59), Found::Due(7)));
    assert!(matches!(bench.at(60), Found::Stale(7)));
    assert!(matches!(bench.at(119), Found::Stale(7)));
    assert!(matches!(bench.at(120), Found::Nothing));
}

#[tokio::test]
async fn rule_10_the_quick_look_finds_only_what_needs_nothing() {
    let bench = Bench::new();
    let recall = |seconds| bench.memo.recall(&bench.key, Duration::from_secs(seconds));
    assert_eq!(recall(0), None);
    bench.ask(Why::Unknown, Outcome::Good(7)).await;
    assert_eq!((recall(47), recall(48)), (Some(7), None));
    bench.marks.forget_name("mch_1");
    assert_eq!(recall(0), None);
}

#[tokio::test]
async fn rule_10_a_renewal_really_asks() {
    let bench = Bench::new();
    bench.ask(Why::Unknown, Outcome::Good(1)).await;
    bench.ask(Why::Unknown, Outcome::Good(2)).await;
    assert_eq!(
        bench.asked.load(Ordering::SeqCst),
        1,
        "the second look finds the answer"
    );
    bench.ask(Why::Renewal, Outcome::Good(3)).await;
    assert!(matches!(bench.at(1), Found::Fresh(3)));
}

#[tokio::test]
async fn rule_8_only_definite_answers_are_remembered() {
    let bench = Bench::new();
    bench
        .ask(Why::Unknown, Outcome::Unavailable(Reason::Upstream.into()))
        .await;
    assert!(matches!(bench.at(0), Found::Nothing));
    bench
        .ask(Why::Unknown, Outcome::Bad(Reason::UnknownToken))
        .await;
    assert!(matches!(bench.at(9), Found::Bad(Reason::UnknownToken)));
    assert!(matches!(bench.at(10), Found::Nothing));
}

#[tokio::test]
async fn rule_8_a_no_replaces_a_yes_and_an_outage_does_not() {
    let bench = Bench::new();
    bench.ask(Why::Unknown, Outcome::Good(1)).await;
    bench
        .ask(Why::Renewal, Outcome::Unavailable(Reason::Upstream.into()))
        .await;
    assert!(matches!(bench.at(1), Found::Fresh(1)));
    bench
        .ask(Why::Renewal, Outcome::Bad(Reason::UnknownToken))
        .await;
    assert!(matches!(bench.at(1), Found::Bad(_)));
}

#[tokio::test]
async fn rule_10_what_was_invalidated_is_not_found_again() {
    let bench = Bench::new();
    for forget in [Marks::forget_all, |marks: &Marks| {
        marks.forget_name("mch_1");
    }] {
        bench.ask(Why::Unknown, Outcome::Good(1)).await;
        assert!(matches!(bench.at(0), Found::Fresh(1)));
        forget(&bench.marks);
        assert!(matches!(bench.at(0), Found::Invalidated));
    }
    bench
        .ask(Why::Unknown, Outcome::Bad(Reason::UnknownToken))
        .await;
    bench.marks.forget_key(bench.key);
    assert!(matches!(bench.at(0), Found::Nothing));
}

#[tokio::test]
async fn rule_10_an_answer_asked_for_before_an_invalidation_does_not_count_after_it() {
    let bench = Bench::new();
    let marks = Arc::clone(&bench.marks);
    let question = move |_| {
        let marks = Arc::clone(&marks);
        async move {
            marks.forget_name("mt_1");
            Outcome::Good(1)
        }
    };
    let waiter = bench
        .memo
        .ask(bench.key, Why::Unknown, &bench.tasks, question)
        .unwrap();
    let outcome = waiter.landed(bench.tasks.deadline()).await;
    assert!(matches!(outcome, Ok(Outcome::Good(1))));
    assert!(matches!(bench.at(0), Found::Invalidated));
}

/// Asks, lets the same be asked again a second later, and gives the first answer only then.
async fn answered_late(first: u32, second: Outcome<u32>) -> (Outcome<u32>, Found<u32>) {
    let bench = Bench::new();
    let go = Arc::new(tokio::sync::Notify::new());
    let answer = Arc::clone(&go);
    let question = move |_| {
        let go = Arc::clone(&go);
        async move {
            go.notified().await;
            Outcome::Good(first)
        }
    };
    let early = bench
        .memo
        .ask(bench.key, Why::Unknown, &bench.tasks, question)
        .unwrap();
    tokio::task::yield_now().await;
    // Anybody's invalidation: what is asked from now on is another flight.
    bench.marks.forget_name("mt_other");
    bench.at(1);
    bench.ask(Why::Unknown, second).await;
    answer.notify_one();
    let outcome = early.landed(bench.tasks.deadline()).await.unwrap();
    (outcome, bench.at(1))
}

#[tokio::test]
async fn rule_10_an_answer_asked_for_earlier_does_not_replace_a_newer_no() {
    let no = Outcome::Bad(Reason::UnknownToken);
    let (told, kept) = answered_late(1, no).await;
    assert!(
        matches!(told, Outcome::Bad(Reason::UnknownToken)),
        "{told:?}"
    );
    assert!(matches!(kept, Found::Bad(Reason::UnknownToken)), "{kept:?}");
}

#[tokio::test]
async fn rule_10_an_answer_asked_for_earlier_does_not_replace_a_newer_one() {
    let (told, kept) = answered_late(1, Outcome::Good(2)).await;
    assert!(matches!(told, Outcome::Good(1)), "{told:?}");
    assert!(matches!(kept, Found::Fresh(2)), "{kept:?}");
}

#[test]
fn rule_19_debug_shows_no_entry() {
    let bench = Bench::new();
    bench
        .memo
        .remember(bench.key, bench.memo.epoch(), Duration::ZERO, 424_242);
    assert!(!format!("{:?}", bench.memo).contains("424242"));
}

/// Asks about what is stale, and has no answer when the clock stands at `end`.
async fn in_vain_until(end: u64) -> Result<u32, AuthError> {
    let bench = Bench::new();
    bench.ask(Why::Unknown, Outcome::Good(7)).await;
    assert!(matches!(bench.at(119), Found::Stale(7)));
    let clock = Arc::clone(&bench.clock);
    let question = move |why| {
        let clock = Arc::clone(&clock);
        async move {
            assert_eq!(why, Why::Renewal);
            clock.0.store(end, Ordering::SeqCst);
            Outcome::Unavailable(Reason::Upstream.into())
        }
    };
    let now = Duration::from_secs(119);
    let wait = crate::tasks::Wait {
        tasks: &bench.tasks,
        deadline: None,
    };
    let told = bench.memo.tell(bench.key, now, wait, || question);
    told.into_result().await
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
                .memo
                .remember(key, bench.memo.epoch(), Duration::ZERO, size);
        }
        bench.memo.good.run_pending_tasks();
        let held = bench.memo.good.entry_count();
        assert!(held <= most, "{held} of {size} bytes");
        assert!(held >= most / 2, "{held} of {size} bytes");
        bench.memo.good.invalidate_all();
        bench.memo.good.run_pending_tasks();
    }
}

#[test]
fn rule_10_a_huge_budget_for_few_answers_does_not_loosen_their_number() {
    let bench = Bench::new();
    let life = Duration::from_secs(60);
    let cache = weighed::<u32>(3, u64::MAX, life);
    let hasher = KeyHasher::new().unwrap();
    let ends = bench.memo.windows.ends(&bench.key, Duration::ZERO);
    for n in 0..100_u32 {
        let (value, began) = (n, bench.memo.epoch());
        let key = hasher.key(Domain::M2m, &n.to_be_bytes());
        cache.insert(key, Entry { value, began, ends });
    }
    cache.run_pending_tasks();
    assert_eq!(cache.entry_count(), 3);
}

#[tokio::test]
async fn rule_10_what_was_invalidated_is_asked_about_as_a_known_token_and_not_used_before() {
    let bench = Bench::new();
    bench.ask(Why::Unknown, Outcome::Good(1)).await;
    bench.marks.forget_name("mt_1");
    for outcome in [
        Outcome::Unavailable(Reason::Upstream.into()),
        Outcome::Good(2),
    ] {
        let is_good = matches!(outcome, Outcome::Good(_));
        let question = move |why| {
            assert_eq!(why, Why::Renewal);
            std::future::ready(outcome.clone())
        };
        let wait = crate::tasks::Wait {
            tasks: &bench.tasks,
            deadline: None,
        };
        let told = bench
            .memo
            .tell(bench.key, Duration::ZERO, wait, || question);
        assert_eq!(told.into_result().await.ok(), is_good.then_some(2));
    }
    assert!(matches!(bench.at(1), Found::Fresh(2)));
}
