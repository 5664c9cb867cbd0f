//! What a managed secret has and a fixed one has not: a source, and work under way.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::MutexGuard;

use super::Reload;
use super::rotation::Rotation;
use super::source::SecretSource;
use super::ticket::Ticket;
use crate::admin::AdminError;
use crate::clock::Clock;
use crate::id::MachineId;

pub(super) struct Managed {
    source: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    /// Held by a read or a rotation while it talks to Clerk.
    turn: tokio::sync::Mutex<()>,
    reads: Mutex<Reads>,
    /// The last rotation, and for how long it leaves the previous secret valid.
    ///
    /// This and `reads` are `std` mutexes, since nothing is awaited while they are held.
    rotation: Mutex<Option<(Duration, Ticket<Rotation>)>>,
}

/// Reads of the secret: the last one, and when the last ones of a kind began.
#[derive(Default)]
struct Reads {
    last: Option<Ticket<Reload>>,
    load_at: Option<Duration>,
    reload_at: Option<Duration>,
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
pub(super) enum Boarding {
    /// This rotation does what was asked for.
    Share(Ticket<Rotation>),
    /// This one does less; another must follow it.
    After(Ticket<Rotation>),
}

impl Managed {
    pub(super) fn new(source: Arc<dyn SecretSource>, clock: Arc<dyn Clock>) -> Self {
        Self {
            source,
            clock,
            turn: tokio::sync::Mutex::default(),
            reads: Mutex::default(),
            rotation: Mutex::default(),
        }
    }

    pub(super) fn machine_id(&self) -> &MachineId {
        self.source.machine_id()
    }

    pub(super) fn source(&self) -> &dyn SecretSource {
        &*self.source
    }

    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Joins the read under way, or starts one unless the last of its kind began too recently.
    pub(super) fn board_read<W>(
        &self,
        reason: Reason,
        work: impl FnOnce() -> W,
    ) -> Result<Option<Ticket<Reload>>, AdminError>
    where
        W: Future<Output = Result<Reload, AdminError>> + Send + 'static,
    {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = reads.last.as_ref().filter(|last| last.is_running()) {
            return Ok(Some(running.clone()));
        }
        if !reads.admit(reason, self.clock.monotonic()) {
            return Ok(None);
        }
        let ticket = Ticket::start(work())?;
        reads.last = Some(ticket.clone());
        Ok(Some(ticket))
    }

    /// Joins the rotation under way, if it ends the previous secret as soon as `ttl` would.
    pub(super) fn board_rotation<W>(
        &self,
        ttl: Duration,
        work: impl FnOnce() -> W,
    ) -> Result<Boarding, AdminError>
    where
        W: Future<Output = Result<Rotation, AdminError>> + Send + 'static,
    {
        let mut slot = self.rotation.lock().unwrap_or_else(PoisonError::into_inner);
        match slot.as_ref() {
            Some((its, ticket)) if ticket.is_running() && *its <= ttl => {
                return Ok(Boarding::Share(ticket.clone()));
            }
            Some((_, ticket)) if ticket.is_running() => {
                return Ok(Boarding::After(ticket.clone()));
            }
            _ => {}
        }
        let ticket = Ticket::start(work())?;
        *slot = Some((ttl, ticket.clone()));
        Ok(Boarding::Share(ticket))
    }

    pub(super) fn last_failure(&self) -> Option<AdminError> {
        let reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        reads.last.as_ref()?.failure()
    }
}

impl Reads {
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

/// How often, at most, Clerk is asked for the secret after it refused the one in use.
const RELOAD_COOLDOWN: Duration = Duration::from_secs(30);
/// How often, at most, a first load that fails is tried again.
const LOAD_COOLDOWN: Duration = Duration::from_secs(1);
