//! Tests of rule 12 for new, valid tokens during a flood of made-up ones, in virtual time.

use std::time::Duration;

use super::{BudgetConfig, CallInfo, Endpoint, UpstreamGuard};
use crate::cache::{CacheKey, Domain, KeyHasher, Priority};
use crate::clock::{Clock as _, SystemClock};
use crate::error::AuthError;
use crate::token::TokenType;

/// Made-up tokens per millisecond: 100 000 per second.
const FLOOD: u64 = 100;

struct Storm {
    upstream: UpstreamGuard,
    hasher: KeyHasher,
    began: Duration,
    /// Names that were made up so far.
    made_up: u64,
}

impl Storm {
    fn new() -> Self {
        let config = BudgetConfig::new(BudgetConfig::PRODUCTION, None, None);
        Self {
            upstream: UpstreamGuard::new(config, 256, std::sync::Arc::new(SystemClock)),
            hasher: KeyHasher::new().unwrap(),
            began: SystemClock.monotonic(),
            made_up: 0,
        }
    }

    fn key(&self, text: &str) -> CacheKey {
        self.hasher.key(Domain::ApiKey, text.as_bytes())
    }

    /// Asks for leave, for a token that nothing is known of.
    fn ask(&self, key: CacheKey, millis: u64) -> Result<(), AuthError> {
        let call = CallInfo {
            priority: Priority::New,
            endpoint: Endpoint::Token(TokenType::ApiKey),
            key,
            patience: Duration::ZERO,
        };
        let now = self.began + Duration::from_millis(millis);
        self.upstream.admit(&call, now).map(drop)
    }

    /// Sends this many made-up tokens, each for the first time. Returns how many were admitted.
    fn flood(&mut self, tokens: u64, millis: u64) -> u64 {
        let keys = self.made_up..self.made_up + tokens;
        self.made_up = keys.end;
        let asked = keys.map(|n| self.ask(self.key(&n.to_string()), millis));
        asked.map(|admission| u64::from(admission.is_ok())).sum()
    }
}

/// A new, valid token that is retried after `Retry-After`.
struct Newcomer {
    key: CacheKey,
    came: u64,
    next: u64,
    let_in: Option<u64>,
}

impl Newcomer {
    fn step(&mut self, storm: &Storm, millis: u64) {
        if self.let_in.is_some() || millis < self.next {
            return;
        }
        match storm.ask(self.key, millis) {
            Ok(()) => self.let_in = Some(millis - self.came),
            // The header field holds whole seconds, rounded up.
            Err(error) => {
                let delay = error.retry_after().unwrap();
                self.next = millis + 1_000 * delay.as_secs_f64().ceil().max(1.0) as u64;
            }
        }
    }
}

#[test]
fn rule_12_a_new_good_token_gets_in_beside_a_flood() {
    let mut storm = Storm::new();
    // What was saved up is gone before the first of them comes.
    storm.flood(1_000, 0);
    let newcomer = |n: u64| Newcomer {
        key: storm.key(&format!("good {n}")),
        came: 1_000 + n * 137,
        next: 1_000 + n * 137,
        let_in: None,
    };
    let mut newcomers: Vec<_> = (0..25).map(newcomer).collect();
    for millis in 0..16_000 {
        storm.flood(FLOOD / 2, millis);
        for newcomer in &mut newcomers {
            newcomer.step(&storm, millis);
        }
        storm.flood(FLOOD / 2, millis);
        if newcomers.iter().all(|newcomer| newcomer.let_in.is_some()) {
            break;
        }
    }
    let mut waits: Vec<_> = newcomers
        .iter()
        .map(|newcomer| newcomer.let_in.unwrap_or(u64::MAX))
        .collect();
    waits.sort_unstable();
    println!("beside 100 000 made-up tokens a second, let in after (ms): {waits:?}");
    assert!(waits[waits.len() / 2] <= 5_000, "the median");
}

/// The part for retried tokens is not lost to the others while nobody uses it.
#[test]
fn rule_12_first_tries_use_the_whole_part_of_unknown_tokens_while_nobody_comes_back() {
    let mut storm = Storm::new();
    storm.flood(1_000, 0);
    let let_in: u64 = (1..=10_000).map(|millis| storm.flood(1, millis)).sum();
    assert!((598..=602).contains(&let_in), "{let_in} in ten seconds");
}

/// An attacker who sends each made-up token twice is served from that part too, and from no other.
#[test]
fn rule_12_those_who_come_back_use_a_quarter_of_the_part_of_unknown_tokens() {
    let mut storm = Storm::new();
    storm.flood(1_000, 0);
    let keys: Vec<_> = (0..10_000)
        .map(|n| storm.key(&format!("again {n}")))
        .collect();
    for key in &keys {
        assert!(storm.ask(*key, 0).is_err());
    }
    let mut let_in = 0;
    for millis in 1_000..11_000 {
        storm.flood(10, millis);
        let key = keys[millis as usize - 1_000];
        let_in += u64::from(storm.ask(key, millis).is_ok());
    }
    assert!((150..=170).contains(&let_in), "15 in a second: {let_in}");
    for millis in 11_000..12_000 {
        assert!(storm.flood(10, millis) <= 2);
    }
}
