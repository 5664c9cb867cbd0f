//! The state that is shared by the emulator's handle and its server.

use std::sync::{Mutex, MutexGuard};

use super::access::Access;
use super::clock::TestClock;
use super::fault_plan::Faults;
use super::lock::lock;
use super::record::Log;
use super::state::State;
use crate::clock::Clock as _;

/// The properties that do not change during the lifetime of an emulator.
pub(super) struct Identity {
    pub(super) api_url: String,
    pub(super) secret_key: String,
    pub(super) publishable_key: String,
    pub(super) instance_id: String,
}

/// State, faults, log and clock of one emulator.
pub(super) struct Shared {
    pub(super) identity: Identity,
    pub(super) clock: TestClock,
    pub(super) faults: Faults,
    pub(super) log: Log,
    pub(super) access: Access,
    state: Mutex<State>,
    /// The state to which a reset returns.
    checkpoint: Mutex<State>,
}

impl Shared {
    pub(super) fn new(identity: Identity, state: State, clock: TestClock, access: Access) -> Self {
        let log = Log::new(state.options.log_capacity);
        Self {
            identity,
            clock,
            faults: Faults::default(),
            log,
            access,
            checkpoint: Mutex::new(state.clone()),
            state: Mutex::new(state),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Saves the current state as the checkpoint.
    pub(super) fn checkpoint(&self) {
        let state = self.state().clone();
        *lock(&self.checkpoint) = state;
    }

    /// Returns to the checkpoint, with the current options, without faults and log, and with the
    /// real time.
    pub(super) fn reset(&self) {
        let before = lock(&self.checkpoint).clone();
        let mut state = self.state();
        let options = state.options.clone();
        *state = State { options, ..before };
        drop(state);
        self.faults.clear(None);
        self.log.reset();
        self.clock.reset();
    }

    /// The wall clock in Unix milliseconds.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.clock.unix_time().as_millis()).unwrap_or(u64::MAX)
    }
}
