//! This process as a member of the fleet: tells the others what it learns, and hears them.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::event::{Before, Fact, Message, NAME_LIMIT};
use super::floor::Floor;
use super::history::{Gap, History, Receipt};
use super::keys::FleetKeys;
use super::outbox::{Outbox, Outgoing};
use super::row::{Refusal, RevocationRow};
use super::status::{FleetHealth, Status, count};
use super::store::{
    Append, Incarnation, LOG_KEPT, POLL_LIMIT, Poll, Polled, Position, SharedStore, StoreError,
};
use super::table::{Table, open_row, seal_row};
use crate::cache::{Broadcast, CacheKey, Domain, Epoch, Invalidations, Ttl};
use crate::clock::Clock;
use crate::identity::UnixMillis;
use crate::random;
use crate::tasks::Tasks;

/// How often the log is read, a tenth more or less. What one replica says, all others know after
/// this time and two trips to the store.
const TICK: Duration = Duration::from_millis(250);

/// The longest that a request waits for the store.
pub(crate) const PATIENCE: Duration = Duration::from_millis(5);

/// The longest that the background waits for the store; a connection that is silent for so long
/// is given up.
const SILENCE: Duration = Duration::from_secs(1);

/// Clocks that differ by more are not compared.
pub(super) const CLOCKS_APART: Duration = Duration::from_secs(5);

/// After messages may have been missed, nothing is imported until they have been sent again.
const SETTLING: Duration = Duration::from_millis(750);

/// A gap weighs as much as so many values that nobody wrote.
const GAP_WEIGHT: u32 = 4;

/// Two lists that differ are compared no more often than this.
const COMPARED: Duration = Duration::from_secs(5);

/// What a replica is made of.
pub(crate) struct ReplicaParts {
    pub(crate) store: Arc<dyn SharedStore>,
    /// The first key writes entries; messages are written and read under all of them.
    pub(crate) keys: Vec<FleetKeys>,
    pub(crate) invalidations: Arc<Invalidations>,
    /// Those of opaque tokens.
    pub(crate) ttl: Ttl,
    pub(crate) budget: SharedBudget,
    /// For one verification.
    pub(crate) timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The call budget of the whole fleet, in calls per second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedBudget {
    pub(crate) total: f64,
    pub(crate) unknown: f64,
    pub(crate) burst: f64,
}

type OnRevoked = Box<dyn Fn(&str, Refusal) + Send + Sync>;

/// A member of a fleet.
pub(crate) struct Replica {
    pub(super) parts: ReplicaParts,
    pub(super) logs: Vec<Log>,
    pub(super) status: Status,
    pub(super) floor: Floor,
    outbox: Mutex<Outbox>,
    table: Mutex<Table>,
    on_revoked: OnceLock<OnRevoked>,
    wake: Notify,
    is_started: AtomicBool,
    members: AtomicUsize,
    /// A number that no other replica has.
    id: u64,
}

/// The log and the table of one key of the fleet.
pub(super) struct Log {
    keys: FleetKeys,
    log: String,
    incarnation: String,
    table: String,
    pub(super) history: Mutex<History>,
    rows: Mutex<Rows>,
}

/// How the table in the store compares with this replica's.
#[derive(Debug, Default)]
struct Rows {
    must_compare: bool,
    compared: Option<Duration>,
}

impl Log {
    fn new(keys: FleetKeys) -> Self {
        Self {
            log: keys.single("log"),
            incarnation: keys.single("incarnation"),
            table: keys.single("revoked"),
            history: Mutex::new(History::new()),
            rows: Mutex::default(),
            keys,
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Replica {
    /// `None` where there is no randomness to be had, or no key.
    pub(crate) fn new(mut parts: ReplicaParts) -> Option<Arc<Self>> {
        let keys = std::mem::take(&mut parts.keys);
        let logs: Vec<_> = keys.into_iter().map(Log::new).collect();
        let id = random::bytes().map(u64::from_be_bytes)?;
        (!logs.is_empty()).then_some(())?;
        let replica = Arc::new(Self {
            floor: Floor::new(parts.clock.monotonic()),
            outbox: Mutex::new(Outbox::new(logs.len())),
            table: Mutex::default(),
            on_revoked: OnceLock::new(),
            wake: Notify::new(),
            is_started: AtomicBool::new(false),
            members: AtomicUsize::new(1),
            status: Status::default(),
            id,
            logs,
            parts,
        });
        let broadcast = Arc::downgrade(&replica);
        replica.parts.invalidations.set_broadcast(broadcast);
        Some(replica)
    }

    /// Calls this for every change of the shared list of revocations that another replica made.
    pub(crate) fn on_revoked(&self, call: impl Fn(&str, Refusal) + Send + Sync + 'static) {
        let _set_once = self.on_revoked.set(Box::new(call));
    }

    /// Begins to take part, if that has not begun; needs a runtime.
    pub(crate) fn start(self: &Arc<Self>, tasks: &Tasks) {
        if self.is_started.load(Ordering::Relaxed) {
            return;
        }
        let Ok(runtime) = crate::tasks::runtime() else {
            return;
        };
        if !self.is_started.swap(true, Ordering::Relaxed) {
            tasks.spawner().spawn(&runtime, Arc::clone(self).run());
        }
    }

    async fn run(self: Arc<Self>) {
        let mut heard = Instant::now();
        loop {
            if self.step().await {
                heard = Instant::now();
            } else if heard.elapsed() >= SILENCE {
                // A connection may be silent for ever without an error.
                self.parts.store.reconnect();
                heard = Instant::now();
            }
            // Woken before the tick is over, or not.
            let _woken = timeout(random::vary(TICK, 0.1), self.wake.notified()).await;
        }
    }

    /// Says what there is to say and hears what was said; returns whether the store answered.
    async fn step(&self) -> bool {
        lock(&self.outbox).pack(self.now());
        let mut answered = true;
        for index in 0..self.logs.len() {
            let spoke = self.speak(index).await;
            if let Err(error) = spoke {
                tracing::debug!(%error, "the fleet's store takes no message");
            }
            let heard = self.listen(index).await;
            answered &= heard.is_ok();
        }
        answered
    }

    async fn speak(&self, index: usize) -> Result<(), StoreError> {
        let now = self.now();
        let due = lock(&self.outbox).due(index, now);
        let (Some(log), Some(last)) = (self.logs.get(index), due.last()) else {
            return Ok(());
        };
        let messages: Vec<_> = due.iter().filter_map(|it| self.sealed(index, it)).collect();
        let append = Append {
            log: &log.log,
            incarnation: &log.incarnation,
            candidate: candidate()?,
            messages: &messages,
        };
        within(SILENCE, self.parts.store.append(append)).await?;
        lock(&self.outbox).sent(last.number, now);
        self.save(log, &due).await
    }

    fn sealed(&self, index: usize, outgoing: &Outgoing) -> Option<bytes::Bytes> {
        let log = self.logs.get(index)?;
        let message = Message {
            sender: self.id,
            number: outgoing.number,
            sent: self.parts.clock.unix_time(),
            calls: self.floor.calls(),
            facts: outgoing
                .facts
                .iter()
                .map(|fact| fact.of_log(index))
                .collect(),
        };
        message.seal(log.keys.sealer(), &log.log)
    }

    /// Writes the rows that these messages speak of.
    async fn save(&self, log: &Log, messages: &[Outgoing]) -> Result<(), StoreError> {
        let facts = messages.iter().flat_map(|message| &message.facts);
        let names = facts.filter_map(|fact| match fact {
            Fact::Revoked(name, _) => Some(name),
            _ => None,
        });
        let rows: Vec<_> = {
            let table = lock(&self.table);
            let rows = names.filter_map(|name| Some((name, table.get(name)?)));
            rows.filter_map(|(name, row)| seal_row(&log.keys, &log.table, name, row))
                .collect()
        };
        if rows.is_empty() {
            return Ok(());
        }
        within(SILENCE, self.parts.store.save(&log.table, &rows)).await
    }

    /// Reads the log to its end.
    async fn listen(&self, index: usize) -> Result<(), StoreError> {
        let Some(log) = self.logs.get(index) else {
            return Ok(());
        };
        loop {
            let began = Instant::now();
            let after = lock(&log.history).cursor();
            let poll = Poll {
                log: &log.log,
                incarnation: &log.incarnation,
                table: &log.table,
                after,
                candidate: candidate()?,
            };
            let polled = within(SILENCE, self.parts.store.poll(poll)).await?;
            let took = began.elapsed();
            let rows = polled.rows;
            if self.take_in(index, log, polled) {
                continue;
            }
            self.note_read(index, took);
            return self.compare(log, rows).await;
        }
    }

    /// Takes in a part of the log; returns whether there is more.
    fn take_in(&self, index: usize, log: &Log, polled: Polled) -> bool {
        let mut history = lock(&log.history);
        if !history.has_begun() {
            let longest = self.parts.ttl.longest();
            history.begin(&polled, longest.saturating_add(CLOCKS_APART));
            lock(&log.rows).must_compare = true;
            return true;
        }
        if let Some(gap) = history.check(&polled) {
            drop(history);
            self.gap(log, gap);
            return true;
        }
        let here = self.parts.clock.unix_time();
        self.status
            .set_clock_apart(here.abs_diff(polled.time) > CLOCKS_APART);
        let is_full = polled.messages.len() >= POLL_LIMIT;
        let mut has_hole = false;
        for (position, sealed) in polled.messages {
            history.advance(position);
            let message = Message::open(log.keys.sealer(), &log.log, &sealed);
            let Some(message) = message else {
                self.reject();
                continue;
            };
            has_hole |= self.hear(index, &mut history, position, message);
        }
        drop(history);
        if has_hole {
            self.gap(log, Gap::Hole);
        }
        is_full
    }

    /// Takes in one message; returns whether one before it is missing.
    fn hear(
        &self,
        index: usize,
        history: &mut History,
        position: Position,
        message: Message,
    ) -> bool {
        let age = self.parts.clock.unix_time().saturating_sub(message.sent);
        if age > LOG_KEPT.saturating_add(CLOCKS_APART) {
            // It was put back by somebody: what it says is known, or long over.
            return false;
        }
        let Message {
            sender,
            number,
            calls,
            ..
        } = message;
        let receipt = history.receive(sender, number, calls, self.now());
        let touches = !message.facts.is_empty();
        if sender == self.id {
            let before = lock(&self.outbox).seen(index, number);
            if let Some(before) = before.filter(|_| touches) {
                history.touch(position, before);
            }
            return false;
        }
        if receipt == Receipt::Duplicate {
            return false;
        }
        if touches {
            let now = self.parts.invalidations.now();
            let facts = message.facts.iter();
            let before = facts.fold(Before::NOTHING, |first, it| first.min(it.before(now)));
            history.touch(position, before);
            for fact in message.facts {
                self.apply(fact);
            }
        }
        receipt == Receipt::AfterHole
    }

    fn apply(&self, fact: Fact) {
        let invalidations = &self.parts.invalidations;
        match fact {
            Fact::ForgetKey(keys) => keys.iter().for_each(|key| invalidations.apply_key(*key)),
            Fact::Rejected(key) => invalidations.apply_key(key),
            Fact::ForgetName(name) => invalidations.apply_tag(&name),
            Fact::ForgetAll => invalidations.apply_all(),
            Fact::Revoked(name, row) => self.learn(&name, row),
        }
    }

    fn learn(&self, name: &str, row: RevocationRow) {
        let learnt = lock(&self.table).learn(name, row, self.wall());
        // Of an addition here and a removal elsewhere that cross, the addition wins.
        let added = lock(&self.outbox).added_lately(name, self.now());
        if let Some(added) = added.filter(|added| row.crosses(*added)) {
            self.revoke(name, added.refusal);
            return;
        }
        if let (Some(row), Some(call)) = (learnt, self.on_revoked.get()) {
            call(name, row.refusal);
        }
    }

    /// Messages may have been missed: what is remembered is renewed, as the budget allows, and
    /// everybody says again what they said lately.
    fn gap(&self, log: &Log, gap: Gap) {
        let now = self.now();
        count(&self.status.counts.gaps);
        self.status.offended(now, GAP_WEIGHT);
        lock(&log.rows).must_compare = true;
        if self.status.is_distrusted(now) {
            return;
        }
        tracing::warn!(
            ?gap,
            "messages of other replicas may be missing; what is remembered is verified again"
        );
        let before = self.parts.invalidations.now();
        self.parts.invalidations.make_due();
        self.status.settle(now, SETTLING);
        lock(&self.outbox).repeat(now, before);
        self.wake.notify_one();
    }

    pub(super) fn reject(&self) {
        count(&self.status.counts.rejected);
        self.status.offended(self.now(), 1);
    }

    fn note_read(&self, index: usize, took: Duration) {
        let now = self.now();
        self.status.read(now, took, PATIENCE);
        if let Some(log) = self.logs.get(index).filter(|_| index == 0) {
            let mut history = lock(&log.history);
            history.prune(now);
            self.floor.watch(history.calls(), now);
            self.members.store(history.members(now), Ordering::Relaxed);
        }
    }

    /// Makes the table in the store and this replica's the same, where they may differ.
    async fn compare(&self, log: &Log, rows: u64) -> Result<(), StoreError> {
        let now = self.now();
        let here = lock(&self.table).len() as u64;
        {
            let mut state = lock(&log.rows);
            let was_lately = |at| now.saturating_sub(at) < COMPARED;
            let differs = rows != here && !state.compared.is_some_and(was_lately);
            if !state.must_compare && !differs {
                return Ok(());
            }
            state.compared = Some(now);
        }
        let in_store = self.load(log).await?;
        let missing: Vec<_> = {
            let table = lock(&self.table);
            let rows = table.rows().into_iter();
            rows.filter(|(name, row)| in_store.get(name) != Some(row))
                .filter_map(|(name, row)| seal_row(&log.keys, &log.table, &name, row))
                .collect()
        };
        for rows in missing.chunks(100) {
            within(SILENCE, self.parts.store.save(&log.table, rows)).await?;
        }
        lock(&log.rows).must_compare = false;
        self.status.join();
        Ok(())
    }

    /// Learns every row of the store's table; removes what is none, so that it hides nothing.
    async fn load(
        &self,
        log: &Log,
    ) -> Result<std::collections::HashMap<Box<str>, RevocationRow>, StoreError> {
        let mut found = std::collections::HashMap::new();
        let (mut cursor, mut parts) = (0, 0_u32);
        loop {
            let load = self.parts.store.load(&log.table, cursor);
            let (next, rows) = within(SILENCE, load).await?;
            let mut bad = Vec::new();
            for row in rows {
                match open_row(&log.keys, &log.table, &row) {
                    Some((name, row)) => {
                        self.learn(&name, row);
                        found.insert(name, row);
                    }
                    None => bad.push(row.0),
                }
            }
            if !bad.is_empty() {
                self.reject();
                within(SILENCE, self.parts.store.remove(&log.table, &bad)).await?;
            }
            parts = parts.saturating_add(1);
            // A store that never comes to an end is not followed for ever.
            if next == 0 || parts > 1_000 {
                return Ok(found);
            }
            cursor = next;
        }
    }

    /// Tells the others; to be called before what is told takes effect here.
    fn tell(&self, fact: Fact) {
        let before = self.parts.invalidations.now();
        lock(&self.outbox).push(fact, before, self.now());
        self.wake.notify_one();
    }

    /// Tells the others that a name is refused.
    pub(crate) fn revoke(&self, name: &str, with: Refusal) {
        self.change(name, |row, _| row.add(with));
    }

    /// Tells the others that a name is no longer refused.
    pub(crate) fn unrevoke(&self, name: &str) {
        self.change(name, RevocationRow::remove);
    }

    fn change(&self, name: &str, change: impl FnOnce(RevocationRow, UnixMillis) -> RevocationRow) {
        let now = self.wall();
        let changed = lock(&self.table).change(name, now, |row| change(row, now));
        match changed {
            Some(row) => self.tell(Fact::Revoked(name.into(), row)),
            None => tracing::warn!(
                "a revocation is not shared: the fleet's list holds 10 000 names of 512 bytes"
            ),
        }
    }

    /// Returns since when an entry counts whose asker had read so much; see [`History::before`].
    pub(super) fn since(
        &self,
        incarnation: Incarnation,
        seen: Position,
        is_rejected: bool,
    ) -> Option<Epoch> {
        let history = lock(&self.logs.first()?.history);
        let now = self.parts.invalidations.now();
        let heard = history.before(incarnation, seen)?;
        let before = heard.min(lock(&self.outbox).before());
        let epoch = if is_rejected {
            before.rejected
        } else {
            before.valid
        };
        Some(epoch.min(now))
    }

    /// Returns how much this replica has read of the log in which entries count.
    pub(super) fn seen(&self) -> Option<(Incarnation, Position)> {
        let history = lock(&self.logs.first()?.history);
        Some((history.incarnation()?, history.cursor()))
    }

    pub(super) fn keys(&self) -> Option<&FleetKeys> {
        self.logs.first().map(|log| &log.keys)
    }

    pub(super) fn now(&self) -> Duration {
        self.parts.clock.monotonic()
    }

    fn wall(&self) -> UnixMillis {
        UnixMillis::from_duration(self.parts.clock.unix_time())
    }

    pub(super) fn members(&self) -> usize {
        self.members.load(Ordering::Relaxed)
    }

    pub(crate) fn is_together(&self) -> bool {
        self.status.is_together(self.now())
    }

    pub(crate) fn health(&self) -> FleetHealth {
        let now = self.now();
        let counts = &self.status.counts;
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        FleetHealth {
            state: self.status.state(now),
            members: self.members(),
            log_age_millis: self.status.log_age(now),
            gaps: read(&counts.gaps),
            rejected: read(&counts.rejected),
            answers_shared: read(&counts.shared),
            answers_led: read(&counts.led),
            answers_alone: read(&counts.alone),
            calls_refused: read(&counts.refused),
            unsent: lock(&self.outbox).len(),
            revocations: lock(&self.table).len(),
        }
    }
}

impl Broadcast for Replica {
    fn invalidated(&self, domain: Domain, text: &[u8]) {
        // Those who write under another key hash for their caches under that.
        let logs = self.logs.iter();
        let keys = logs.map(|log| log.keys.hasher().key(domain, text));
        self.tell(Fact::ForgetKey(keys.collect()));
    }

    fn rejected(&self, key: CacheKey) {
        self.tell(Fact::Rejected(key));
    }

    fn invalidated_tag(&self, tag: &str) {
        if tag.len() <= NAME_LIMIT {
            self.tell(Fact::ForgetName(tag.into()));
        }
    }

    fn invalidated_all(&self) {
        self.tell(Fact::ForgetAll);
    }
}

/// Bounds the wait for the store.
pub(super) async fn within<T>(
    time: Duration,
    reply: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout(time, reply).await.unwrap_or(Err(StoreError::Late))
}

/// Draws a name for a store that has none.
fn candidate() -> Result<Incarnation, StoreError> {
    random::bytes().ok_or(StoreError::Disconnected)
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
