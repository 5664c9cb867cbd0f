//! What only a managed secret has: a source, and reads and rotations in progress.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::shared_work::{Done, SharedWork};
use super::source::SecretSource;
use super::{Reload, Rotation};
use crate::backend::AdminError;
use crate::clock::Clock;
use crate::id::MachineId;
use crate::problem::ProblemRecord;
use crate::secret::MachineSecretKey;

pub(super) struct Managed {
    source: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    /// A `std` mutex, because nothing is awaited while it is held.
    work: Mutex<Work>,
    record: ProblemRecord,
}

/// The work in progress, and when the last reads of each kind started.
#[derive(Default)]
struct Work {
    /// The last piece of work, a read or a rotation, for which the next one waits.
    last: Option<Done>,
    read: Option<SharedWork<Reload>>,
    load_at: Option<Duration>,
    reload_at: Option<Duration>,
    /// The last rotation, and for how long it keeps the previous secret valid.
    rotation: Option<(Duration, SharedWork<Rotation>)>,
}

/// Why the secret is read, which determines how soon it may be read again.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reason {
    /// No secret has been loaded yet.
    Load,
    /// Clerk refused the current secret.
    Reload,
    /// The schedule checks for rotations. It has its own pace, and must not use up the cooldown of
    /// others.
    Poll,
}

/// How a request for a rotation proceeds.
pub(super) enum Join {
    /// This rotation satisfies the request.
    Existing(SharedWork<Rotation>),
    /// This rotation keeps the previous secret valid for too long. Another one must follow it.
    AfterExisting(SharedWork<Rotation>),
}

impl Managed {
    pub(super) fn new(source: Arc<dyn SecretSource>, clock: Arc<dyn Clock>) -> Self {
        Self {
            source,
            clock,
            work: Mutex::default(),
            record: ProblemRecord::default(),
        }
    }

    pub(super) fn machine_id(&self) -> &MachineId {
        self.source.machine_id()
    }

    pub(super) fn source(&self) -> &dyn SecretSource {
        &*self.source
    }

    /// Reads the secret from its source, and records the outcome.
    pub(super) async fn read(&self) -> Result<MachineSecretKey, AdminError> {
        let read = self.source.read().await;
        match &read {
            Ok(_) => drop(self.record.worked()),
            Err(error) => {
                self.record.failed(error.failure(), self.clock.unix_time());
            }
        }
        read
    }

    /// Returns the current and the last problem with the reads.
    pub(super) const fn record(&self) -> &ProblemRecord {
        &self.record
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the read in progress, or starts one unless the last one of its kind started too recently.
    ///
    /// A read that was lost with its runtime does not count.
    pub(super) fn join_read<W>(
        &self,
        reason: Reason,
        work: impl FnOnce() -> W,
    ) -> Result<Option<SharedWork<Reload>>, AdminError>
    where
        W: Future<Output = Result<Reload, AdminError>> + Send + 'static,
    {
        let mut state = self.lock();
        if let Some(running) = state.read.as_ref().filter(|last| last.is_running()) {
            return Ok(Some(running.clone()));
        }
        let is_lost = state.read.as_ref().is_some_and(SharedWork::is_gone);
        if !state.admit(reason, self.clock.monotonic()) && !is_lost {
            return Ok(None);
        }
        let (shared, done) = SharedWork::start(state.last.clone(), self.source.timeout(), work())?;
        state.read = Some(shared.clone());
        state.last = Some(done);
        Ok(Some(shared))
    }

    /// Joins the rotation in progress if it expires the previous secret no later than `ttl` would.
    pub(super) fn join_rotation<W>(
        &self,
        ttl: Duration,
        work: impl FnOnce() -> W,
    ) -> Result<Join, AdminError>
    where
        W: Future<Output = Result<Rotation, AdminError>> + Send + 'static,
    {
        let mut state = self.lock();
        match &state.rotation {
            Some((its, shared)) if shared.is_running() && *its <= ttl => {
                return Ok(Join::Existing(shared.clone()));
            }
            Some((_, shared)) if shared.is_running() => {
                return Ok(Join::AfterExisting(shared.clone()));
            }
            _ => {}
        }
        let longest = self.source.timeout().saturating_mul(ROTATION_CALLS);
        let (shared, done) = SharedWork::start(state.last.clone(), longest, work())?;
        state.rotation = Some((ttl, shared.clone()));
        state.last = Some(done);
        Ok(Join::Existing(shared))
    }

    pub(super) fn last_failure(&self) -> Option<AdminError> {
        self.lock().read.as_ref()?.failure()
    }
}

impl Work {
    /// Records an attempt. Returns `false` if the last one of its kind was too recent.
    fn admit(&mut self, reason: Reason, now: Duration) -> bool {
        let (last, cooldown) = match reason {
            Reason::Load => (&mut self.load_at, LOAD_COOLDOWN),
            Reason::Reload => (&mut self.reload_at, RELOAD_COOLDOWN),
            Reason::Poll => return true,
        };
        let rested = last.is_none_or(|at| now.saturating_sub(at) >= cooldown);
        if rested {
            *last = Some(now);
        }
        rested
    }
}

/// The number of calls of a rotation: it reads, rotates, and reads back if the response is lost.
const ROTATION_CALLS: u32 = 3;
/// The minimum time between reads after Clerk refused the current secret. Every rejected request would
/// cause a read otherwise.
const RELOAD_COOLDOWN: Duration = Duration::from_secs(30);
/// The minimum time between attempts of a first load that fails. Requests wait for it, so it is short.
const LOAD_COOLDOWN: Duration = Duration::from_secs(1);
