//! What the emulator's handle and its server have in common.

use std::sync::{Mutex, MutexGuard};

use super::clock::TestClock;
use super::fault_plan::Faults;
use super::lock::lock;
use super::record::Log;
use super::state::State;
use crate::clock::Clock as _;

/// State, faults, log and clock of one emulator.
pub(super) struct Shared {
    pub(super) clock: TestClock,
    pub(super) faults: Faults,
    pub(super) log: Log,
    state: Mutex<State>,
}

impl Shared {
    pub(super) fn new(state: State, clock: TestClock) -> Self {
        let log = Log::new(state.options.log_capacity);
        Self {
            clock,
            faults: Faults::default(),
            log,
            state: Mutex::new(state),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The wall clock in Unix milliseconds.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.clock.unix_time().as_millis()).unwrap_or(u64::MAX)
    }
}
