//! Tests of fifty replicas that share one limit of Clerk's without knowing of each other, in virtual
//! time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::breaker::Breaker;
use super::budget::{Budget, BudgetConfig};
use super::call::{CallInfo, Endpoint};
use crate::cache::{Domain, KeyHasher, Priority};

const REPLICAS: u64 = 50;
const SECOND: u64 = 1_000_000;
/// The time between a call and its response, in microseconds.
const LATENCY: u64 = 50_000;
/// The time between two calls that a replica wants to make, in microseconds: 200 per second, of which
/// two are its share.
const WISH: u64 = 5_000;

/// Returns a time in microseconds as a duration.
fn at(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// Clerk's response to one call: success, or a 429 with a pause in seconds.
type Answer = Result<(), u64>;

/// A limit of 100 calls per second.
trait Limit {
    fn admit(&mut self, now: u64) -> Answer;
}

/// 1 000 calls in each window of ten seconds, then none until the window ends, as Clerk documents it.
#[derive(Default)]
struct Ttl {
    began: u64,
    calls: u64,
}

impl Limit for Ttl {
    fn admit(&mut self, now: u64) -> Answer {
        if now >= self.began + 10 * SECOND {
            *self = Self {
                began: now,
                calls: 0,
            };
        }
        self.calls += 1;
        if self.calls <= 1_000 {
            Ok(())
        } else {
            Err((self.began + 10 * SECOND - now).div_ceil(SECOND))
        }
    }
}

/// 100 calls per second at any time, with one second saved up, and a pause of one second.
struct Steady {
    left: f64,
    filled: u64,
}

impl Limit for Steady {
    fn admit(&mut self, now: u64) -> Answer {
        let earned = (now - self.filled) as f64 * 100.0 / SECOND as f64;
        self.left = (self.left + earned).min(100.0);
        self.filled = now;
        if self.left < 1.0 {
            return Err(1);
        }
        self.left -= 1.0;
        Ok(())
    }
}

struct Replica {
    budget: Budget,
    breaker: Breaker,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A request wants a call.
    Wish,
    /// A call leaves the replica.
    Call,
    /// Returns Clerk's response to a call that was sent then: the `Retry-After` of a 429.
    Answer { left: u64, pause: Option<u64> },
}

/// The outcome of the calls of ten seconds.
#[derive(Clone, Copy, Default)]
struct Tally {
    good: u64,
    refused: u64,
}

impl Tally {
    fn share_refused(&self) -> f64 {
        self.refused as f64 / (self.good + self.refused) as f64
    }
}

/// Runs the replicas. Returns one tally for each ten seconds.
fn run(mut clerk: impl Limit, seconds: u64) -> Vec<Tally> {
    let call = CallInfo {
        priority: Priority::New,
        endpoint: Endpoint::Machine,
        key: KeyHasher::new().unwrap().key(Domain::Machine, b"a"),
        patience: Duration::ZERO,
    };
    let config = BudgetConfig::new(BudgetConfig::PRODUCTION, None, None);
    let replicas: Vec<_> = (0..REPLICAS)
        .map(|_| Replica {
            budget: Budget::new(config, at(0)),
            breaker: Breaker::default(),
        })
        .collect();
    let mut tallies = vec![Tally::default(); (seconds / 10) as usize];
    // The replicas do not begin in step.
    let first = |replica| Reverse((replica * WISH / REPLICAS, replica, Event::Wish));
    let mut events: BinaryHeap<_> = (0..REPLICAS).map(first).collect();
    while let Some(Reverse((now, number, event))) = events.pop() {
        if now >= seconds * SECOND {
            break;
        }
        let replica = &replicas[number as usize];
        match event {
            Event::Wish => {
                events.push(Reverse((now + WISH, number, Event::Wish)));
                if replica.breaker.check(&call, at(now)).is_ok()
                    && let Ok(wait) = replica.budget.take(Priority::New, at(now))
                {
                    let leaves = now + wait.as_micros() as u64;
                    events.push(Reverse((leaves, number, Event::Call)));
                }
            }
            Event::Call => {
                let pause = clerk.admit(now).err();
                let tally = &mut tallies[(now / SECOND / 10) as usize];
                tally.good += u64::from(pause.is_none());
                tally.refused += u64::from(pause.is_some());
                let answer = Event::Answer { left: now, pause };
                events.push(Reverse((now + LATENCY, number, answer)));
            }
            Event::Answer {
                left,
                pause: Some(seconds),
            } => {
                let pause = replica.breaker.pause(at(now), Some(at(seconds * SECOND)));
                replica.budget.throttled(at(left), at(now), at(now) + pause);
            }
            Event::Answer { pause: None, .. } => replica.breaker.worked(&call.key),
        }
    }
    tallies
}

/// Sums up the tallies after the replicas have settled, and prints all of them.
fn settled(key: &str, tallies: &[Tally], settling: usize) -> Tally {
    for (n, tally) in tallies.iter().enumerate() {
        let share = 100.0 * tally.share_refused();
        println!(
            "{key}, {:3} s: {:5} calls answered, {:5} refused ({share:.1} %)",
            n * 10,
            tally.good,
            tally.refused
        );
    }
    let mut sum = Tally::default();
    for tally in &tallies[settling..] {
        sum.good += tally.good;
        sum.refused += tally.refused;
    }
    let rate = sum.good as f64 / (10 * (tallies.len() - settling)) as f64;
    let share = 100.0 * sum.share_refused();
    println!("{key}: settled at {rate:.1} answered calls in a second, {share:.1} % refused");
    sum
}

#[test]
fn rule_12_fifty_replicas_without_a_common_store_converge_on_clerks_limit() {
    let sum = settled("1 000 in 10 s", &run(Ttl::default(), 240), 6);
    assert!(sum.good >= 18 * 850, "{}", sum.good);
    assert!(sum.share_refused() <= 0.12, "{}", sum.share_refused());
}

#[test]
fn rule_12_fifty_replicas_converge_on_a_limit_without_windows() {
    let steady = Steady {
        left: 100.0,
        filled: 0,
    };
    let sum = settled("100 in 1 s", &run(steady, 240), 6);
    assert!(sum.good >= 18 * 950, "{}", sum.good);
    assert!(sum.share_refused() <= 0.25, "{}", sum.share_refused());
}
