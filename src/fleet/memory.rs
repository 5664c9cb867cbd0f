//! A store in this process, which can be broken in every way: for tests.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use super::store::{
    Append, Ask, Asked, BUCKET_DEBT, BUCKET_WAIT, Bucket, ENTRY_LIMIT, Incarnation, LOG_KEPT,
    MESSAGE_LIMIT, POLL_LIMIT, Poll, Polled, Position, Put, ROW_LIMIT, Renewal, Reply, Row,
    SharedStore, StoreError, Stored, TABLE_LIMIT, Taken,
};
use crate::clock::{Clock, SystemClock};
use crate::random;

/// A store for a [`Fleet`](crate::Fleet) of authenticators in one process, with faults.
///
/// It does what Redis does for a fleet, without Redis; clones share what they hold.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use clerk_machine_auth::testing::{ClerkEmulator, Endpoint, SharedMemory};
/// use clerk_machine_auth::health::FleetState;
/// use clerk_machine_auth::{Authenticator, Fleet};
///
/// let emulator = ClerkEmulator::start().await;
/// let key = emulator.api_key("user_2ab").create();
/// let memory = SharedMemory::new();
/// let replica = || {
///     Authenticator::builder()
///         .api_url(emulator.api_url())
///         .secret_key(emulator.secret_key())
///         .any_sender()
///         .fleet(Fleet::memory(&memory).key("a secret of at least 32 characters"))
///         .build()
/// };
/// let (one, two) = (replica()?, replica()?);
/// for clerk in [&one, &two] {
///     while clerk.health().fleet.map(|fleet| fleet.state) != Some(FleetState::Together) {
///         tokio::time::sleep(std::time::Duration::from_millis(10)).await;
///     }
///     assert!(clerk.verify(key.token()).await.is_ok());
/// }
/// assert_eq!(emulator.calls(Endpoint::VerifyApiKey), 1);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct SharedMemory {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    fault: Mutex<StoreFault>,
    clock: Arc<dyn Clock>,
}

/// How a store fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreFault {
    /// It works.
    #[default]
    None,
    /// Every answer takes this much longer.
    Slow(Duration),
    /// It does what it is asked and never says so.
    Silent,
    /// It refuses every request.
    Down,
    /// It has no room for anything new, and reads as ever.
    Full,
}

/// What a store held at some time; see [`SharedMemory::snapshot`].
#[derive(Debug, Clone)]
pub struct SharedMemorySnapshot(State);

#[derive(Debug, Clone, Default)]
struct State {
    values: HashMap<String, (Bytes, Duration)>,
    buckets: HashMap<String, f64>,
    logs: HashMap<String, VecDeque<(Position, Bytes)>>,
    incarnations: HashMap<String, Incarnation>,
    tables: HashMap<String, BTreeMap<Bytes, Bytes>>,
    last: Position,
}

impl Default for SharedMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl SharedMemory {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(SystemClock)
    }

    /// Creates an empty store that tells the time by this clock.
    #[must_use]
    pub fn with_clock(clock: impl Clock) -> Self {
        let inner = Inner {
            state: Mutex::default(),
            fault: Mutex::default(),
            clock: Arc::new(clock),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Fails like this from now on.
    pub fn fail(&self, fault: StoreFault) {
        *self
            .inner
            .fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Forgets everything.
    pub fn flush(&self) {
        *self.state() = State::default();
    }

    /// Returns what is held, to go back to.
    #[must_use]
    pub fn snapshot(&self) -> SharedMemorySnapshot {
        SharedMemorySnapshot(self.state().clone())
    }

    /// Goes back to what was held, as a replica of the store does that takes over and has missed
    /// the last writes.
    pub fn roll_back(&self, snapshot: &SharedMemorySnapshot) {
        *self.state() = snapshot.0.clone();
    }

    /// Loses the newest message of each log.
    pub fn drop_message(&self) {
        for log in self.state().logs.values_mut() {
            log.pop_back();
        }
    }

    /// Writes random bytes over everything that is held, as somebody might who has no key.
    pub fn forge(&self) {
        let noise = || Bytes::from(random::bytes::<64>().unwrap_or([7; 64]).to_vec());
        let mut state = self.state();
        for (value, _) in state.values.values_mut() {
            *value = noise();
        }
        let logs = state.logs.values_mut().flatten();
        logs.for_each(|(_, message)| *message = noise());
        let rows = state.tables.values_mut().flat_map(BTreeMap::values_mut);
        rows.for_each(|row| *row = noise());
        state.buckets.values_mut().for_each(|tat| *tat = 1e17);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = &self.inner.state;
        state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self) -> StoreFault {
        let fault = &self.inner.fault;
        *fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.inner.clock.unix_time()
    }

    /// Does the work, and answers as the fault has it.
    fn reply<'a, T: Send + 'a>(
        &'a self,
        writes: bool,
        work: impl FnOnce(&mut State, Duration) -> T + Send + 'a,
    ) -> Reply<'a, T> {
        Box::pin(async move {
            let fault = self.fault();
            if fault == StoreFault::Down {
                return Err(StoreError::Disconnected);
            }
            if writes && fault == StoreFault::Full {
                return Err(StoreError::Refused);
            }
            if let StoreFault::Slow(time) = fault {
                sleep(time.mul_f64(0.5)).await;
            }
            let answer = work(&mut self.state(), self.now());
            match fault {
                StoreFault::Slow(time) => sleep(time.mul_f64(0.5)).await,
                StoreFault::Silent => std::future::pending().await,
                _ => {}
            }
            Ok(answer)
        })
    }
}

impl State {
    fn get(&self, name: &str, now: Duration) -> Option<Stored> {
        let (value, until) = self.values.get(name)?;
        let left = until.checked_sub(now).filter(|left| !left.is_zero())?;
        Some(Stored {
            value: value.clone(),
            left,
        })
    }

    fn holds(&self, lease: &str, claim: &[u8], now: Duration) -> bool {
        self.get(lease, now).is_some_and(|held| held.value == claim)
    }

    fn set(&mut self, name: &str, value: &[u8], until: Duration) {
        let value = Bytes::copy_from_slice(value);
        self.values.insert(name.to_owned(), (value, until));
    }

    fn ask(&mut self, ask: &Ask<'_>, now: Duration) -> Asked {
        let entry = self.get(ask.entry, now).filter(|_| !ask.ignore_entry);
        let entry = entry.filter(|entry| entry.value.len() <= ENTRY_LIMIT);
        match entry {
            Some(entry) if entry.left > ask.younger_than => Asked::Found(entry),
            old => match self.get(ask.lease, now) {
                Some(lease) => Asked::Follower {
                    claim: lease.value,
                    old,
                },
                None => {
                    self.set(ask.lease, ask.claim, now.saturating_add(ask.claim_for));
                    Asked::Leader(old)
                }
            },
        }
    }

    fn put(&mut self, put: &Put<'_>, now: Duration) -> bool {
        if !self.holds(put.lease, put.claim, now) {
            return false;
        }
        self.values.remove(put.lease);
        if let Some(value) = put.value {
            self.set(put.entry, value, now.saturating_add(put.keep_for));
        }
        true
    }

    /// The generic cell rate algorithm, as the script for Redis has it.
    fn take(&mut self, bucket: &Bucket<'_>, now: Duration) -> Taken {
        let now = now.as_secs_f64();
        let each = 1.0 / bucket.per_second.max(1e-9);
        let mut arrival = self.buckets.get(bucket.name).copied().unwrap_or_default();
        if arrival > now + BUCKET_DEBT.as_secs_f64() {
            arrival = now;
        }
        let arrival = arrival.max(now - bucket.burst * each);
        let wait = Duration::from_secs_f64((arrival + each - now).clamp(0.0, 1e6));
        if wait > BUCKET_WAIT {
            return Taken::Over(wait);
        }
        self.buckets.insert(bucket.name.to_owned(), arrival + each);
        Taken::Granted(wait)
    }

    fn append(&mut self, append: &Append<'_>, now: Duration) {
        self.incarnations
            .entry(append.incarnation.to_owned())
            .or_insert(append.candidate);
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        for message in append.messages {
            self.last = Position {
                millis: self.last.millis.max(millis(now)),
                sequence: self.last.sequence.saturating_add(1),
            };
            let log = self.logs.entry(append.log.to_owned()).or_default();
            log.push_back((self.last, message.clone()));
            let oldest = millis(now.saturating_sub(LOG_KEPT));
            log.retain(|(position, _)| position.millis >= oldest);
        }
    }

    fn poll(&mut self, poll: &Poll<'_>, now: Duration) -> Polled {
        let incarnation = self.incarnations.entry(poll.incarnation.to_owned());
        let incarnation = *incarnation.or_insert(poll.candidate);
        let log = self.logs.get(poll.log);
        let ends = |log: &VecDeque<(Position, Bytes)>| Some((log.front()?.0, log.back()?.0));
        let messages = log.into_iter().flatten();
        let messages = messages.filter(|(position, _)| *position > poll.after);
        let sized = |(position, message): &(Position, Bytes)| {
            let fits = message.len() <= MESSAGE_LIMIT;
            (*position, if fits { message.clone() } else { Bytes::new() })
        };
        Polled {
            time: now,
            incarnation,
            bounds: log.and_then(ends),
            messages: messages.take(POLL_LIMIT).map(sized).collect(),
            rows: self
                .tables
                .get(poll.table)
                .map_or(0, |table| table.len() as u64),
        }
    }
}

impl SharedStore for SharedMemory {
    fn ask<'a>(&'a self, ask: Ask<'a>) -> Reply<'a, Asked> {
        self.reply(true, move |state, now| state.ask(&ask, now))
    }

    fn extend<'a>(&'a self, renewal: Renewal<'a>) -> Reply<'a, bool> {
        self.reply(true, move |state, now| {
            let is_held = state.holds(renewal.lease, renewal.claim, now);
            if is_held {
                let until = now.saturating_add(renewal.claim_for);
                state.set(renewal.lease, renewal.claim, until);
            }
            is_held
        })
    }

    fn put<'a>(&'a self, put: Put<'a>) -> Reply<'a, bool> {
        self.reply(true, move |state, now| state.put(&put, now))
    }

    fn take<'a>(&'a self, buckets: &'a [Bucket<'a>]) -> Reply<'a, Taken> {
        self.reply(true, move |state, now| {
            let mut over = Duration::MAX;
            for bucket in buckets {
                match state.take(bucket, now) {
                    Taken::Over(wait) => over = over.min(wait),
                    granted => return granted,
                }
            }
            Taken::Over(over)
        })
    }

    fn poll<'a>(&'a self, poll: Poll<'a>) -> Reply<'a, Polled> {
        self.reply(false, move |state, now| state.poll(&poll, now))
    }

    fn append<'a>(&'a self, append: Append<'a>) -> Reply<'a, ()> {
        self.reply(true, move |state, now| state.append(&append, now))
    }

    fn save<'a>(&'a self, table: &'a str, rows: &'a [Row]) -> Reply<'a, ()> {
        self.reply(true, move |state, _| {
            let table = state.tables.entry(table.to_owned()).or_default();
            for (field, row) in rows {
                if (table.len() as u64) < TABLE_LIMIT || table.contains_key(field) {
                    table.insert(field.clone(), row.clone());
                }
            }
        })
    }

    fn remove<'a>(&'a self, table: &'a str, fields: &'a [Bytes]) -> Reply<'a, ()> {
        self.reply(false, move |state, _| {
            if let Some(table) = state.tables.get_mut(table) {
                table.retain(|field, _| !fields.contains(field));
            }
        })
    }

    fn load<'a>(&'a self, table: &'a str, _cursor: u64) -> Reply<'a, (u64, Vec<Row>)> {
        self.reply(false, move |state, _| {
            let rows = state.tables.get(table).into_iter().flatten();
            let rows = rows.filter(|(_, row)| row.len() <= ROW_LIMIT);
            (
                0,
                rows.map(|(field, row)| (field.clone(), row.clone()))
                    .collect(),
            )
        })
    }

    fn reconnect(&self) {}
}

impl fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMemory").finish_non_exhaustive()
    }
}
