//! What a managed secret has and a fixed one has not: a source, and work under way.

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
    /// A `std` mutex, since nothing is awaited while it is held.
    work: Mutex<Work>,
    record: ProblemRecord,
}

/// What is under way, and when the last reads of a kind began.
#[derive(Default)]
struct Work {
    /// The last piece of work: a read or a rotation, which the next waits for.
    last: Option<Done>,
    read: Option<SharedWork<Reload>>,
    load_at: Option<Duration>,
    reload_at: Option<Duration>,
    /// The last rotation, and for how long it leaves the previous secret valid.
    rotation: Option<(Duration, SharedWork<Rotation>)>,
}

/// Why the secret is read, which decides how soon it may be read again.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reason {
    /// There is none yet.
    Load,
    /// The one in use was refused.
    Reload,
    /// It is time to look; the schedule paces itself, and must not use up the cooldown of others.
    Poll,
}

/// How a request to rotate goes on.
pub(super) enum Join {
    /// This rotation does what was asked for.
    Existing(SharedWork<Rotation>),
    /// This one does less; another must follow it.
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

    /// Reads the secret from its source, and notes what came of it.
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

    /// Returns what is wrong, and was wrong, with the reads.
    pub(super) const fn record(&self) -> &ProblemRecord {
        &self.record
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the read under way, or starts one unless the last of its kind began too recently.
    ///
    /// A read that was lost with its runtime is no reason to wait.
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

    /// Joins the rotation under way, if it ends the previous secret as soon as `ttl` would.
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
    /// Notes an attempt, unless it comes too soon after the last of its kind.
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

/// The calls of a rotation: it reads, rotates, and reads back if the answer is lost.
const ROTATION_CALLS: u32 = 3;
/// How often, at most, Clerk is asked for the secret after it refused the one in use.
const RELOAD_COOLDOWN: Duration = Duration::from_secs(30);
/// How often, at most, a first load that fails is tried again.
const LOAD_COOLDOWN: Duration = Duration::from_secs(1);
