//! One verification for the whole fleet: looks for another replica's answer, waits for it while it
//! is being fetched, or fetches it for all.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::entry::{ClerkAnswer, Entry};
use super::replica::{CLOCKS_APART, PATIENCE, Replica, within};
use super::status::count;
use super::store::{Ask, Asked, Incarnation, Position, Put, Renewal, Stored};
use super::wire::{Reader, Writer};
use crate::cache::{CacheKey, CacheValue, Epoch, Outcome, Since, Ttl};
use crate::random;

/// How long a lease lasts without being renewed. Whoever waits for a replica that died waits this
/// long.
const LEASE: Duration = Duration::from_millis(800);
const RENEWED: Duration = Duration::from_millis(300);

/// The time between two looks for the answer of another replica: the first, and the longest.
const FIRST_LOOK: Duration = Duration::from_millis(10);
const LONGEST_LOOK: Duration = Duration::from_millis(60);

/// What is kept of the time of a request for asking Clerk after all.
const RESERVE: Duration = Duration::from_secs(1);

/// Where the answer about one token stands in the store.
#[derive(Debug, Clone)]
pub(crate) struct EntryName {
    entry: String,
    lease: String,
    key: CacheKey,
}

/// An answer that another replica was given.
#[derive(Debug)]
pub(crate) struct Shared<V> {
    pub(crate) outcome: Outcome<V>,
    pub(crate) since: Since,
}

/// What the fleet knows of a token.
#[derive(Debug)]
pub(crate) enum Recall<V> {
    /// Another replica's answer, which is fresh.
    Known(Shared<V>),
    /// Nothing fresh: this replica asks Clerk, for all. There may be an answer that counts only
    /// while Clerk cannot be asked.
    Lead(Lead, Option<Shared<V>>),
    /// Nothing fresh, and nothing to be shared.
    Alone(Option<Shared<V>>),
}

/// The lease on one token's answer; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lead {
    replica: Arc<Replica>,
    name: EntryName,
    claim: Vec<u8>,
    keeper: JoinHandle<()>,
    asked: Duration,
    seen: (Incarnation, Position),
    is_used: bool,
    /// What is left of the time for the store.
    pub(crate) patience: Duration,
}

/// How an entry may be used.
enum Use<V> {
    Fresh(Shared<V>),
    /// Only while Clerk cannot be asked.
    Old(Shared<V>),
    Not,
}

impl Replica {
    /// Names the answer about a token; `context` is all that Clerk's answer depends on beside it.
    pub(crate) fn entry_name(
        &self,
        context: &[&[u8]],
        token: &[u8],
        key: CacheKey,
    ) -> Option<EntryName> {
        let keys = self.keys()?;
        let mut parts = vec![b"answer".as_slice()];
        parts.extend_from_slice(context);
        parts.push(token);
        let hash = keys.hash(&parts);
        Some(EntryName {
            entry: keys.single(&format!("answer:{hash}")),
            lease: keys.single(&format!("lease:{hash}")),
            key,
        })
    }

    /// Finds out what the fleet knows of a token. `read` makes an outcome of Clerk's answer.
    ///
    /// Never fails, and waits for the store for five milliseconds at most; for another replica that
    /// is asking Clerk, until a second before the deadline.
    pub(crate) async fn recall<V: CacheValue>(
        self: &Arc<Self>,
        name: EntryName,
        deadline: Instant,
        read: impl Fn(&ClerkAnswer) -> Outcome<V> + Send + Sync,
    ) -> Recall<V> {
        if !self.is_together() {
            self.note_alone();
            return Recall::Alone(None);
        }
        let recalled = self.recall_together(name, deadline, &read).await;
        match &recalled {
            Recall::Known(_) => count(&self.status.counts.shared),
            Recall::Lead(..) => count(&self.status.counts.led),
            Recall::Alone(_) => self.note_alone(),
        }
        recalled
    }

    async fn recall_together<V: CacheValue>(
        self: &Arc<Self>,
        name: EntryName,
        deadline: Instant,
        read: &(impl Fn(&ClerkAnswer) -> Outcome<V> + Send + Sync),
    ) -> Recall<V> {
        let Some(claim) = self.claim(&name.lease) else {
            return Recall::Alone(None);
        };
        let give_up = deadline.checked_sub(RESERVE).unwrap_or(deadline);
        let (mut ignore_entry, mut look) = (false, FIRST_LOOK);
        loop {
            let began = Instant::now();
            // Before the lease is taken: what is said from now on may not be known to the answer.
            let seen = self.seen();
            let asked = self.ask(&name, &claim, ignore_entry);
            let asked = match within(PATIENCE, asked).await {
                Ok(asked) => asked,
                Err(_) => {
                    self.status.failed();
                    return Recall::Alone(None);
                }
            };
            self.status.worked();
            let patience = PATIENCE.saturating_sub(began.elapsed());
            match asked {
                Asked::Found(stored) => match self.look_at(&name, &stored, read) {
                    Use::Fresh(shared) => return Recall::Known(shared),
                    // Its times say otherwise than the store's.
                    Use::Old(_) | Use::Not if !ignore_entry => ignore_entry = true,
                    Use::Old(_) | Use::Not => return Recall::Alone(None),
                },
                Asked::Leader(old) => {
                    let old = self.look_at_old(&name, old, read);
                    let Some(seen) = seen else {
                        return Recall::Alone(old);
                    };
                    let lead = self.lead(name, claim, seen, patience);
                    return Recall::Lead(lead, old);
                }
                Asked::Follower { claim: other, old } => {
                    let is_genuine = self.is_claim(&name.lease, &other);
                    if !is_genuine || Instant::now() >= give_up {
                        return Recall::Alone(self.look_at_old(&name, old, read));
                    }
                    // An entry that was ignored is replaced by whoever has the lease.
                    ignore_entry = false;
                    sleep(look.mul_f64(0.75 + 0.5 * random::fraction())).await;
                    look = look.saturating_mul(2).min(LONGEST_LOOK);
                    if !self.is_together() {
                        return Recall::Alone(None);
                    }
                }
            }
        }
    }

    fn ask<'a>(
        &'a self,
        name: &'a EntryName,
        claim: &'a [u8],
        ignore_entry: bool,
    ) -> super::store::Reply<'a, Asked> {
        let ttl = &self.parts.ttl;
        let fresh_for = ttl.deadlines(&name.key, Duration::ZERO).refresh_at;
        self.parts.store.ask(Ask {
            entry: &name.entry,
            lease: &name.lease,
            claim,
            claim_for: LEASE,
            younger_than: ttl.longest().saturating_sub(fresh_for),
            ignore_entry,
        })
    }

    fn look_at_old<V: CacheValue>(
        &self,
        name: &EntryName,
        old: Option<Stored>,
        read: &impl Fn(&ClerkAnswer) -> Outcome<V>,
    ) -> Option<Shared<V>> {
        match self.look_at(name, &old?, read) {
            Use::Fresh(shared) | Use::Old(shared) => Some(shared),
            Use::Not => None,
        }
    }

    /// Decides what an entry is good for; all that the store says of it may be a lie.
    fn look_at<V: CacheValue>(
        &self,
        name: &EntryName,
        stored: &Stored,
        read: &impl Fn(&ClerkAnswer) -> Outcome<V>,
    ) -> Use<V> {
        let opened = self
            .keys()
            .and_then(|keys| Entry::open(keys.sealer(), &name.entry, &stored.value));
        let Some(entry) = opened else {
            self.reject();
            return Use::Not;
        };
        let now = self.parts.clock.unix_time();
        let Some(age) = entry.age(now, stored.left, CLOCKS_APART) else {
            return Use::Not;
        };
        let outcome = read(&entry.answer);
        let is_rejected = matches!(outcome, Outcome::Rejected(_));
        let Some(epoch) = self.since(entry.incarnation, entry.seen, is_rejected) else {
            return Use::Not;
        };
        if !self.is_current(&outcome, epoch, &name.key) {
            return Use::Not;
        }
        let Some(asked_at) = self.now().checked_sub(age) else {
            return Use::Not;
        };
        let shared = Shared {
            outcome,
            since: Since { epoch, asked_at },
        };
        grade(&self.parts.ttl, &name.key, age, shared)
    }

    /// Returns `true` unless something was invalidated that the asker did not know of.
    fn is_current<V: CacheValue>(
        &self,
        outcome: &Outcome<V>,
        epoch: Epoch,
        key: &CacheKey,
    ) -> bool {
        let tags = || match outcome {
            Outcome::Valid(value) => value.tags(),
            Outcome::Rejected(_) | Outcome::Unavailable(_) => ["", ""],
        };
        self.parts.invalidations.is_current(epoch, key, tags)
    }

    fn lead(
        self: &Arc<Self>,
        name: EntryName,
        claim: Vec<u8>,
        seen: (Incarnation, Position),
        patience: Duration,
    ) -> Lead {
        let keeper = tokio::spawn(keep(Arc::clone(self), name.lease.clone(), claim.clone()));
        Lead {
            replica: Arc::clone(self),
            asked: self.parts.clock.unix_time(),
            name,
            claim,
            keeper,
            seen,
            is_used: false,
            patience,
        }
    }

    /// Makes what stands under a lease: sealed, so that nobody else can hold one, and dated, so
    /// that an old one that is put back is void.
    fn claim(&self, lease: &str) -> Option<Vec<u8>> {
        let made = u64::try_from(self.parts.clock.unix_time().as_millis()).ok()?;
        let mut fields = Writer::default();
        fields.number(made);
        fields.0.extend_from_slice(&random::bytes::<8>()?);
        let sealed = self.keys()?.sealer().seal(lease, &fields.0)?;
        Some(sealed.into())
    }

    fn is_claim(&self, lease: &str, claim: &[u8]) -> bool {
        let made = || {
            let plain = self.keys()?.sealer().open(lease, claim)?;
            Reader(&plain).number().map(Duration::from_millis)
        };
        let Some(made) = made() else {
            self.reject();
            return false;
        };
        let now = self.parts.clock.unix_time();
        let longest = self.parts.timeout.saturating_add(CLOCKS_APART);
        now <= made.saturating_add(longest) && made <= now.saturating_add(CLOCKS_APART)
    }
}

/// Renews a lease until the task is ended.
async fn keep(replica: Arc<Replica>, lease: String, claim: Vec<u8>) {
    loop {
        sleep(RENEWED).await;
        let renewal = Renewal {
            lease: &lease,
            claim: &claim,
            claim_for: LEASE,
        };
        let extended = within(RENEWED, replica.parts.store.extend(renewal)).await;
        if extended == Ok(false) {
            return;
        }
    }
}

fn grade<V>(ttl: &Ttl, key: &CacheKey, age: Duration, shared: Shared<V>) -> Use<V> {
    let ends = ttl.deadlines(key, Duration::ZERO);
    match &shared.outcome {
        Outcome::Valid(_) if age < ends.refresh_at => Use::Fresh(shared),
        Outcome::Valid(_) if age < ends.stale_until => Use::Old(shared),
        Outcome::Rejected(_) if age < ttl.negative => Use::Fresh(shared),
        _ => Use::Not,
    }
}

impl Lead {
    /// Shares what Clerk answered, behind the request's back, and gives the lease back.
    pub(crate) fn share(mut self, answer: ClerkAnswer, is_good: bool) {
        let ttl = &self.replica.parts.ttl;
        let fresh_for = ttl.deadlines(&self.name.key, Duration::ZERO).refresh_at;
        // So long that it is taken for young as long as it counts, whatever it says.
        let kept = if is_good {
            ttl.longest()
        } else {
            let old = ttl.longest().saturating_sub(fresh_for);
            old.saturating_add(ttl.negative)
        };
        let entry = Entry {
            answer,
            asked: self.asked,
            incarnation: self.seen.0,
            seen: self.seen.1,
            kept,
        };
        let sealed = self
            .replica
            .keys()
            .and_then(|keys| entry.seal(keys.sealer(), &self.name.entry));
        let passed = self
            .replica
            .parts
            .clock
            .unix_time()
            .saturating_sub(self.asked);
        self.put(sealed, kept.saturating_sub(passed));
    }

    fn put(&mut self, value: Option<bytes::Bytes>, keep_for: Duration) {
        self.is_used = true;
        self.keeper.abort();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (replica, name) = (Arc::clone(&self.replica), self.name.clone());
        let claim = std::mem::take(&mut self.claim);
        runtime.spawn(async move {
            let put = Put {
                entry: &name.entry,
                lease: &name.lease,
                claim: &claim,
                value: value.as_deref(),
                keep_for,
            };
            let put = within(LEASE, replica.parts.store.put(put)).await;
            if put == Ok(false) {
                tracing::debug!("a lease was lost; the answer is not shared");
            }
        });
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if !self.is_used {
            self.put(None, Duration::ZERO);
        }
    }
}
