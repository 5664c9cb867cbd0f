//! Rotation on a schedule, by a task that its handle owns.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::managed::Reason;
use super::rotation::graceful;
use super::{MachineSecret, Reload};
use crate::backend::AdminError;
use crate::clock;
use crate::random::vary;
use crate::secret::MachineSecretKey;

/// The minimum pause between two reads of the secret, unless the period itself is shorter.
const MIN_PAUSE: Duration = Duration::from_secs(1);

/// The maximum period. No process needs a longer one.
const LONGEST_PERIOD: Duration = Duration::from_secs(365 * 86_400);

/// Owns the task of [`MachineSecret::rotate_every`]. Dropping it stops the task.
#[must_use = "the schedule ends when its handle is dropped"]
pub struct RotationHandle {
    task: JoinHandle<()>,
    stop: DropGuard,
}

impl MachineSecret {
    /// Rotates every `period`, until the handle is dropped.
    ///
    /// The first rotation takes place one period from now. Between rotations, the secret is read every
    /// half `previous_token_ttl`, but at most once per second. A rotation by another replica is
    /// therefore adopted while the previous secret still works. It counts as this replica's, and the
    /// period starts again. Periods vary by ±10 %, so that replicas do not rotate in step. A failed
    /// rotation is logged and retried at the next read.
    ///
    /// # Errors
    ///
    /// - The secret is fixed.
    /// - The period is zero or more than a year.
    /// - [`rotate`](Self::rotate) would not accept the `previous_token_ttl`.
    /// - There is no Tokio runtime.
    pub fn rotate_every(
        &self,
        period: Duration,
        previous_token_ttl: Duration,
    ) -> Result<RotationHandle, AdminError> {
        self.manager()?;
        graceful(previous_token_ttl)?;
        if period.is_zero() || period > LONGEST_PERIOD {
            return Err(AdminError::invalid("period", "is zero or more than a year"));
        }
        let runtime = Handle::try_current().map_err(|_| AdminError::interrupted())?;
        let schedule = Schedule::new(self.clone(), period, previous_token_ttl);
        let token = CancellationToken::new();
        let stop = token.clone().drop_guard();
        let task = runtime.spawn(async move {
            token.run_until_cancelled(schedule.run()).await;
        });
        Ok(RotationHandle { task, stop })
    }
}

impl RotationHandle {
    /// Stops the task and waits until it has ended.
    ///
    /// A rotation that has been sent to Clerk is completed, so that its secret is not lost.
    pub async fn stop(self) {
        drop(self.stop);
        // Fails only if the task was cancelled, and then it has ended too.
        self.task.await.ok();
    }
}

impl fmt::Debug for RotationHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RotationHandle").finish_non_exhaustive()
    }
}

struct Schedule {
    secret: MachineSecret,
    period: Duration,
    previous_token_ttl: Duration,
    seen: Option<Arc<MachineSecretKey>>,
    due: Instant,
}

impl Schedule {
    fn new(secret: MachineSecret, period: Duration, previous_token_ttl: Duration) -> Self {
        let seen = secret.current();
        Self {
            secret,
            period,
            previous_token_ttl,
            seen,
            due: clock::after(vary(period, 0.1)),
        }
    }

    async fn run(mut self) {
        loop {
            let until_due = self.due.saturating_duration_since(Instant::now());
            sleep(until_due.min(self.pause())).await;
            if let Err(error) = self.tick().await {
                tracing::warn!(%error, "the machine secret could not be read or rotated");
                self.due = self.due.max(clock::after(self.pause()));
            }
        }
    }

    async fn tick(&mut self) -> Result<(), AdminError> {
        self.start_anew_if_changed();
        if Instant::now() < self.due {
            let _: Reload = self.secret.read(Reason::Poll).await?;
        } else {
            self.secret.rotate(self.previous_token_ttl).await?;
            self.due = clock::after(vary(self.period, 0.1));
        }
        self.start_anew_if_changed();
        Ok(())
    }

    /// Starts a new period if the secret has changed, no matter which process rotated it.
    fn start_anew_if_changed(&mut self) {
        let now = self.secret.current();
        let rotated = match (&self.seen, &now) {
            (Some(seen), Some(now)) => !seen.same(now),
            _ => false,
        };
        if rotated {
            self.due = clock::after(vary(self.period, 0.1));
        }
        self.seen = now;
    }

    fn pause(&self) -> Duration {
        self.previous_token_ttl
            .mul_f64(0.5)
            .max(MIN_PAUSE)
            .min(self.period)
    }
}
