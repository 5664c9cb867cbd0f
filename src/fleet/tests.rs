//! Random schedules in virtual time, held against an oracle of the published times.
//!
//! `FULL=1 cargo test --release --lib fleet::tests` runs a million steps.

#![allow(clippy::print_stdout)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::memory::{SharedMemory, SharedMemorySnapshot, StoreFault};
use super::replica::lock;
use super::{ClerkAnswer, Recall, Refusal, Replica, ReplicaParts, SharedBudget};
use crate::cache::{
    CacheValue, Domain, Fetched, Invalidations, Outcome, Priority, Ttl, VerdictCache,
    VerdictCacheConfig,
};
use crate::clock::Clock;
use crate::error::Reason;
use crate::fleet::keys::FleetKeys;
use crate::identity::UnixMillis;
use crate::tasks::{Tasks, Wait};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const REPLICAS: usize = 4;
const TOKENS: usize = 12;

/// How far the wall clocks of two replicas are apart.
const SKEW: Duration = Duration::from_millis(800);
/// The longest fresh time.
const BUDGET: Duration = Duration::from_secs(66);
/// Whatever is told is known by then.
const TOLD: Duration = Duration::from_secs(1);

/// Tokio's clock, which stands still until everybody waits.
#[derive(Debug, Clone, Copy)]
struct Virtual {
    start: Instant,
    ahead: Duration,
}

impl Clock for Virtual {
    fn unix_time(&self) -> Duration {
        self.monotonic() + self.ahead + SECOND * 1_700_000_000
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed() + SECOND * 1_000
    }
}

#[derive(Debug, Clone)]
struct Token(String);

impl CacheValue for Token {
    fn tags(&self) -> [&str; 2] {
        [&self.0, "subject"]
    }

    fn heap_size(&self) -> usize {
        self.0.len()
    }
}

/// Which tokens were revoked at Clerk.
#[derive(Debug, Default)]
struct Clerk {
    revoked: Mutex<HashMap<String, Duration>>,
    calls: Mutex<u64>,
}

struct Node {
    replica: Arc<Replica>,
    cache: Arc<VerdictCache<Token>>,
    invalidations: Arc<Invalidations>,
    tasks: Tasks,
    refused: Arc<Mutex<HashMap<String, Refusal>>>,
    keys: Arc<crate::cache::KeyHasher>,
    clock: Virtual,
}

impl Node {
    fn new(memory: &SharedMemory, clock: Virtual) -> Self {
        let ttl = Ttl {
            fresh: SECOND * 60,
            renewed: true,
            jitter: 0.1,
            stale_if_error: SECOND * 60,
            negative: SECOND * 10,
        };
        let keys = FleetKeys::derive(&[7; 32], "https://api.clerk.com").unwrap();
        let hasher = keys.hasher();
        let invalidations = Arc::new(Invalidations::new(Arc::clone(&hasher)));
        let shared: Arc<dyn Clock> = Arc::new(clock);
        let replica = Replica::new(ReplicaParts {
            store: Arc::new(memory.clone()),
            keys: vec![keys],
            invalidations: Arc::clone(&invalidations),
            ttl,
            budget: SharedBudget {
                total: 80.0,
                unknown: 60.0,
                burst: 150.0,
            },
            timeout: SECOND * 3,
            clock: Arc::clone(&shared),
        })
        .unwrap();
        let refused = Arc::<Mutex<HashMap<String, Refusal>>>::default();
        let heard = Arc::clone(&refused);
        replica.on_revoked(move |name, refusal| {
            lock(&heard).insert(name.into(), refusal);
        });
        let config = VerdictCacheConfig {
            ttl,
            valid_capacity: 1_000,
            valid_bytes: 1 << 20,
            rejected_capacity: 1_000,
        };
        let tasks = Tasks::new(SECOND * 3);
        replica.start(&tasks);
        Self {
            cache: Arc::new(VerdictCache::new(
                config,
                Arc::clone(&invalidations),
                shared,
            )),
            replica,
            invalidations,
            tasks,
            refused,
            keys: hasher,
            clock,
        }
    }

    /// As the verifier does it: the cache, else the fleet, else Clerk, who decides when the call
    /// arrives and whose answer takes its time.
    async fn verify(
        &self,
        clerk: &Arc<Clerk>,
        token: &str,
        latency: Duration,
    ) -> Result<(), Reason> {
        let key = self.keys.key(Domain::ApiKey, token.as_bytes());
        let (now, wall) = (self.clock.monotonic(), self.clock.unix_time());
        let fetch = || {
            let (replica, clerk) = (Arc::clone(&self.replica), Arc::clone(clerk));
            let token = token.to_owned();
            move |_: Priority| {
                let (replica, clerk) = (Arc::clone(&replica), Arc::clone(&clerk));
                let token = token.clone();
                async move {
                    let read = |answer: &ClerkAnswer| match answer.status {
                        200 => Outcome::Valid(Token(token.clone())),
                        _ => Outcome::Rejected(Reason::UnknownToken),
                    };
                    let name = replica
                        .entry_name(&[b"api_key"], token.as_bytes(), key)
                        .unwrap();
                    let deadline = Instant::now() + SECOND * 3;
                    let (lead, stale) = match replica.recall(name, deadline, read).await {
                        Recall::Known(shared) => {
                            return Fetched {
                                outcome: shared.outcome,
                                since: Some(shared.since),
                                stale: None,
                            };
                        }
                        Recall::Lead(lead, stale) => (Some(lead), stale),
                        Recall::Alone(stale) => (None, stale),
                    };
                    drop(stale);
                    *lock(&clerk.calls) += 1;
                    let is_revoked = lock(&clerk.revoked).contains_key(&token);
                    sleep(latency).await;
                    let answer = ClerkAnswer {
                        status: if is_revoked { 404 } else { 200 },
                        body: bytes::Bytes::from_static(b"{}"),
                    };
                    let outcome = read(&answer);
                    if let Some(lead) = lead {
                        lead.share(answer, !is_revoked);
                    }
                    outcome.into()
                }
            }
        };
        let wait = Wait {
            tasks: &self.tasks,
            deadline: None,
        };
        let answer = self
            .cache
            .get_or_fetch(key, now, wait, fetch)
            .0
            .into_result()
            .await;
        answer.map_err(|error| error.cause())?;
        let refusal = lock(&self.refused).get(token).copied().unwrap_or_default();
        if refusal.all_until > UnixMillis::from_duration(wall) {
            return Err(Reason::Revoked);
        }
        Ok(())
    }
}

/// A xorshift generator (Marsaglia, 2003).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

/// What is known of a token by whoever knows everything.
#[derive(Debug, Default, Clone)]
struct Truth {
    revoked_at: Option<Duration>,
    /// When it was told, by whom, and whether the store worked then.
    told: Option<(Duration, usize)>,
}

struct Model {
    clerk: Arc<Clerk>,
    memory: SharedMemory,
    nodes: Vec<Node>,
    names: Vec<String>,
    truths: Vec<Truth>,
    snapshot: SharedMemorySnapshot,
    /// Since when nothing has been wrong with the store, and whether it is wrong now.
    sound_since: Duration,
    is_sound: bool,
    dice: Dice,
    next: usize,
    clock: Virtual,
}

impl Model {
    fn new(seed: u64) -> Self {
        let clock = Virtual {
            start: Instant::now(),
            ahead: SKEW / 2,
        };
        let memory = SharedMemory::with_clock(clock);
        let node = |n: usize| {
            let ahead = SKEW.mul_f64(n as f64 / (REPLICAS - 1) as f64);
            Node::new(&memory, Virtual { ahead, ..clock })
        };
        Self {
            clerk: Arc::default(),
            nodes: (0..REPLICAS).map(node).collect(),
            names: (0..TOKENS).map(|n| format!("token {n}")).collect(),
            truths: vec![Truth::default(); TOKENS],
            snapshot: memory.snapshot(),
            memory,
            sound_since: clock.monotonic(),
            is_sound: true,
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            next: TOKENS,
            clock,
        }
    }

    async fn step(&mut self) {
        match self.dice.roll(100) {
            0..=64 => self.verify().await,
            65..=79 => sleep(MILLI * u32::try_from(self.dice.roll(400)).unwrap()).await,
            80..=82 => sleep(SECOND * u32::try_from(self.dice.roll(40)).unwrap()).await,
            83..=86 => self.revoke(),
            87..=91 => self.tell(),
            92..=95 => self.replace(),
            _ => self.disturb(),
        }
    }

    /// Revokes a token at Clerk, and says so to nobody.
    fn revoke(&mut self) {
        let n = self.dice.roll(TOKENS);
        let now = self.clock.monotonic();
        self.truths[n].revoked_at.get_or_insert(now);
        let mut revoked = lock(&self.clerk.revoked);
        revoked.entry(self.names[n].clone()).or_insert(now);
    }

    /// Says so to one replica, in one of the ways there are.
    fn tell(&mut self) {
        let (n, by) = (self.dice.roll(TOKENS), self.dice.roll(REPLICAS));
        if self.truths[n].revoked_at.is_none() || self.truths[n].told.is_some() {
            return;
        }
        let (node, name) = (&self.nodes[by], &self.names[n]);
        match self.dice.roll(4) {
            0 => node.invalidations.invalidate_tag(name),
            1 => node.invalidations.invalidate_token(name),
            2 if self.dice.roll(10) == 0 => node.invalidations.invalidate_all(),
            _ => {
                let forever = Refusal {
                    all_until: UnixMillis(u64::MAX),
                    ..Refusal::default()
                };
                lock(&node.refused).insert(name.clone(), forever);
                node.replica.revoke(name, forever);
            }
        }
        self.truths[n].told = Some((self.clock.monotonic(), by));
    }

    /// Has a new token in the place of an old one.
    fn replace(&mut self) {
        let n = self.dice.roll(TOKENS);
        self.names[n] = format!("token {}", self.next);
        self.truths[n] = Truth::default();
        self.next += 1;
    }

    /// Breaks the store, or mends it.
    fn disturb(&mut self) {
        let fault = match self.dice.roll(14) {
            0 => StoreFault::Down,
            1 => StoreFault::Silent,
            2 => StoreFault::Full,
            3 => StoreFault::Slow(MILLI * 2),
            4 => StoreFault::Slow(MILLI * 300),
            5 => return self.lose(SharedMemory::flush),
            6 => return self.lose(SharedMemory::drop_message),
            7 => return self.lose(SharedMemory::forge),
            8 => return self.snapshot = self.memory.snapshot(),
            9 => {
                self.memory.roll_back(&self.snapshot);
                return self.lose(|_| ());
            }
            _ => StoreFault::None,
        };
        let is_sound = matches!(fault, StoreFault::None);
        if is_sound != self.is_sound {
            self.sound_since = self.clock.monotonic();
        }
        self.is_sound = is_sound;
        self.memory.fail(fault);
    }

    fn lose(&mut self, how: impl FnOnce(&SharedMemory)) {
        how(&self.memory);
        self.sound_since = self.clock.monotonic();
    }

    async fn verify(&mut self) {
        let (n, at) = (self.dice.roll(TOKENS), self.dice.roll(REPLICAS));
        let latency = MILLI * u32::try_from(self.dice.roll(150)).unwrap();
        let began = self.clock.monotonic();
        let was_together = self.nodes.iter().all(|node| node.replica.is_together());
        let answer = self.nodes[at]
            .verify(&self.clerk, &self.names[n], latency)
            .await;
        let truth = &self.truths[n];
        if answer.is_err() {
            assert!(
                truth.revoked_at.is_some(),
                "a good token is refused: {answer:?}"
            );
            return;
        }
        let since = |time: Duration| began.saturating_sub(time);
        if let Some(revoked_at) = truth.revoked_at {
            let latest = BUDGET + SKEW;
            assert!(
                since(revoked_at) <= latest,
                "{:?} after it was revoked",
                since(revoked_at)
            );
        }
        if let Some((told, by)) = truth.told {
            assert_ne!(by, at, "{:?} after this replica was told", since(told));
            let is_sound = self.is_sound && self.sound_since + SECOND * 3 < told && was_together;
            assert!(
                !is_sound || since(told) <= TOLD,
                "{:?} after another was told",
                since(told)
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rule_22_random_schedules_of_a_fleet_keep_the_published_times() {
    let full = std::env::var_os("FULL").is_some();
    let (seeds, steps) = if full { (20, 50_000) } else { (4, 2_500) };
    for seed in 0..seeds {
        let mut model = Model::new(seed);
        for _ in 0..steps {
            model.step().await;
        }
        let shared: u64 = model
            .nodes
            .iter()
            .map(|it| it.replica.health().answers_shared)
            .sum();
        let calls = *lock(&model.clerk.calls);
        println!("seed {seed}, {steps} steps: {shared} answers shared, {calls} calls");
        assert!(shared > 0 && calls > 0, "{shared} shared, {calls} calls");
    }
}
