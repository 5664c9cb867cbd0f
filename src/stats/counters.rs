//! The counters themselves: written with one relaxed addition, read all at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::labels::{CallOperation, CallResult, HeldBack, Outcome, Source, TokenLabel};
use crate::error::Reason;

/// One counter for each combination of labels, in two dimensions.
#[derive(Debug)]
struct Table<const ROWS: usize, const COLUMNS: usize>([[AtomicU64; COLUMNS]; ROWS]);

impl<const ROWS: usize, const COLUMNS: usize> Default for Table<ROWS, COLUMNS> {
    fn default() -> Self {
        Self([const { [const { AtomicU64::new(0) }; COLUMNS] }; ROWS])
    }
}

impl<const ROWS: usize, const COLUMNS: usize> Table<ROWS, COLUMNS> {
    fn add(&self, row: usize, column: usize) {
        if let Some(cell) = self.0.get(row).and_then(|row| row.get(column)) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn get(&self, row: usize, column: usize) -> u64 {
        let cell = self.0.get(row).and_then(|row| row.get(column));
        cell.map_or(0, |cell| cell.load(Ordering::Relaxed))
    }
}

const COLUMNS: usize = TokenLabel::COUNT * Source::COUNT;

/// What an authenticator counts.
///
/// One request is one addition to one counter, so that what is read adds up. The counters begin at
/// a line of the processor's cache of their own: every core writes them, and what stands beside
/// them is only read.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    requests: Table<{ Outcome::COUNT }, COLUMNS>,
    rejections: Table<{ Reason::COUNT }, 1>,
    pub(crate) calls: Arc<CallCounters>,
}

impl Counters {
    pub(crate) fn request(&self, outcome: Outcome, token: TokenLabel, source: Source) {
        self.requests.add(outcome as usize, column(token, source));
    }

    pub(crate) fn rejection(&self, reason: Reason) {
        self.rejections.add(reason as usize, 0);
    }

    pub(crate) fn requests_of(&self, outcome: Outcome, token: TokenLabel, source: Source) -> u64 {
        self.requests.get(outcome as usize, column(token, source))
    }

    pub(crate) fn rejections_of(&self, reason: Reason) -> u64 {
        self.rejections.get(reason as usize, 0)
    }
}

const fn column(token: TokenLabel, source: Source) -> usize {
    (token as usize)
        .saturating_mul(Source::COUNT)
        .saturating_add(source as usize)
}

/// The attempts to ask Clerk.
#[derive(Debug, Default)]
pub(crate) struct CallCounters(Table<{ CallOperation::COUNT }, { CallResult::COUNT }>);

impl CallCounters {
    pub(crate) fn attempt(&self, operation: CallOperation, result: CallResult) {
        self.0.add(operation as usize, result as usize);
    }

    pub(crate) fn attempts_of(&self, operation: CallOperation, result: CallResult) -> u64 {
        self.0.get(operation as usize, result as usize)
    }
}

/// The calls that were not made.
#[derive(Debug, Default)]
pub(crate) struct HeldBackCounters(Table<{ HeldBack::COUNT }, 1>);

impl HeldBackCounters {
    pub(crate) fn add(&self, why: HeldBack) {
        self.0.add(why as usize, 0);
    }

    pub(crate) fn get(&self, why: HeldBack) -> u64 {
        self.0.get(why as usize, 0)
    }
}
