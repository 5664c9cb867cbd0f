//! The seam between a replica and the place that replicas share.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;

/// An answer of the store, to be waited for.
pub(crate) type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Why the store did not do what it was asked.
///
/// # Security
///
/// Holds nothing that the store said: it may repeat what it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("there is no connection")]
    Disconnected,
    #[error("there was no answer in time")]
    Late,
    #[error("the request was refused, or its answer makes no sense")]
    Refused,
}

/// A place that all replicas of a fleet read and write.
///
/// It is not trusted: whatever it returns is opened and checked by its reader, and it may do
/// anything, or nothing. Whoever implements it bounds the size of what it returns.
pub(crate) trait SharedStore: Debug + Send + Sync + 'static {
    /// Looks for an entry, and takes the lease on it where there is none that is young enough.
    fn ask<'a>(&'a self, ask: Ask<'a>) -> Reply<'a, Asked>;

    /// Makes a lease last; returns `false` if it is somebody else's by now.
    fn extend<'a>(&'a self, renewal: Renewal<'a>) -> Reply<'a, bool>;

    /// Writes the entry and gives the lease back; returns `false`, and does neither, if the lease
    /// is somebody else's by now.
    fn put<'a>(&'a self, put: Put<'a>) -> Reply<'a, bool>;

    /// Takes leave for one call from the first of these buckets that has some.
    fn take<'a>(&'a self, buckets: &'a [Bucket<'a>]) -> Reply<'a, Taken>;

    /// Returns what was appended to the log after a position, and where the log begins and ends.
    fn poll<'a>(&'a self, poll: Poll<'a>) -> Reply<'a, Polled>;

    /// Appends messages to the log.
    fn append<'a>(&'a self, append: Append<'a>) -> Reply<'a, ()>;

    /// Writes rows to a table.
    fn save<'a>(&'a self, table: &'a str, rows: &'a [Row]) -> Reply<'a, ()>;

    /// Removes rows from a table.
    fn remove<'a>(&'a self, table: &'a str, fields: &'a [Bytes]) -> Reply<'a, ()>;

    /// Reads a part of a table; the part that begins at zero comes first, and the last one ends
    /// there.
    fn load<'a>(&'a self, table: &'a str, cursor: u64) -> Reply<'a, (u64, Vec<Row>)>;

    /// Gives the connection up, if there is one, and makes another: this one has gone silent.
    fn reconnect(&self);
}

/// A field of a table and its value.
pub(crate) type Row = (Bytes, Bytes);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) entry: &'a str,
    pub(crate) lease: &'a str,
    /// What is written to the lease if it is free.
    pub(crate) claim: &'a [u8],
    pub(crate) claim_for: Duration,
    /// An entry that ends sooner than this is not young enough.
    pub(crate) younger_than: Duration,
    /// Takes any entry for none: the one that is there was found to be bad.
    pub(crate) ignore_entry: bool,
}

/// What is in the store under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) value: Bytes,
    /// How long the store will keep it.
    pub(crate) left: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// An entry that is young enough.
    Found(Stored),
    /// The lease is ours now; the entry, if there is one, is old.
    Leader(Option<Stored>),
    /// The lease is another's: this is what it wrote.
    Follower { claim: Bytes, old: Option<Stored> },
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Renewal<'a> {
    pub(crate) lease: &'a str,
    pub(crate) claim: &'a [u8],
    pub(crate) claim_for: Duration,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Put<'a> {
    pub(crate) entry: &'a str,
    pub(crate) lease: &'a str,
    pub(crate) claim: &'a [u8],
    /// `None` gives the lease back and writes nothing.
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) keep_for: Duration,
}

/// A token bucket in the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket<'a> {
    pub(crate) name: &'a str,
    pub(crate) per_second: f64,
    pub(crate) burst: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The call may be made after this wait.
    Granted(Duration),
    /// It may not; this is how long it would have to wait.
    Over(Duration),
}

/// Where a message stands in the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) millis: u64,
    pub(crate) sequence: u64,
}

impl Position {
    pub(crate) const START: Self = Self {
        millis: 0,
        sequence: 0,
    };
    pub(crate) const END: Self = Self {
        millis: u64::MAX,
        sequence: u64::MAX,
    };
}

/// What a store is called until it loses its memory.
pub(crate) type Incarnation = [u8; 16];

#[derive(Debug, Clone, Copy)]
pub(crate) struct Poll<'a> {
    pub(crate) log: &'a str,
    pub(crate) incarnation: &'a str,
    pub(crate) table: &'a str,
    pub(crate) after: Position,
    /// What the store is called from now on, if it has no name yet.
    pub(crate) candidate: Incarnation,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Polled {
    /// The wall clock of the store.
    pub(crate) time: Duration,
    pub(crate) incarnation: Incarnation,
    /// The first and the last message that are there.
    pub(crate) bounds: Option<(Position, Position)>,
    pub(crate) messages: Vec<(Position, Bytes)>,
    /// How many rows the table has.
    pub(crate) rows: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Append<'a> {
    pub(crate) log: &'a str,
    pub(crate) incarnation: &'a str,
    pub(crate) candidate: Incarnation,
    pub(crate) messages: &'a [Bytes],
}

/// How long messages stay in the log, as a whole.
pub(crate) const LOG_KEPT: Duration = Duration::from_secs(600);
/// The largest message, the largest entry, and the largest row that are read.
pub(crate) const MESSAGE_LIMIT: usize = 4_096;
pub(crate) const ENTRY_LIMIT: usize = 20_480;
pub(crate) const ROW_LIMIT: usize = 2_048;
/// The most messages of one poll.
pub(crate) const POLL_LIMIT: usize = 200;
/// The most rows of a table.
pub(crate) const TABLE_LIMIT: u64 = 20_000;
/// The longest wait for a bucket.
pub(crate) const BUCKET_WAIT: Duration = Duration::from_millis(100);
/// No honest bucket owes more than this: more was planted, or the store's clock went back.
pub(crate) const BUCKET_DEBT: Duration = Duration::from_millis(200);
