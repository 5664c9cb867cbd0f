//! Rotation on request.

use std::sync::Arc;
use std::time::Duration;

use super::managed::{Join, Managed};
use super::{Inner, MachineSecret, Rotation};
use crate::backend::AdminError;

const MAX_PREVIOUS_TOKEN_TTL: u64 = 8 * 3_600;

impl MachineSecret {
    /// Rotates the secret at Clerk, and adopts the new one.
    ///
    /// The previous secret stays valid for `previous_token_ttl` (at most 8 hours, in whole seconds),
    /// which gives other replicas and requests in flight time to follow. Concurrent callers share one
    /// rotation.
    ///
    /// A rotation whose response is lost is never sent again. The secret is read back instead, and
    /// adopted if it has changed.
    ///
    /// # Errors
    ///
    /// Returns an error without any call
    ///
    /// - for a fixed secret,
    /// - for a `previous_token_ttl` of zero, of more than 28 800 seconds, or with a fraction of a
    ///   second.
    ///
    /// Returns an error if Clerk cannot be reached or refuses. The current secret is kept.
    pub async fn rotate(&self, previous_token_ttl: Duration) -> Result<Rotation, AdminError> {
        graceful(previous_token_ttl)?;
        self.rotate_with(previous_token_ttl).await
    }

    /// Rotates and expires the previous secret immediately, for a secret that has leaked.
    ///
    /// Rotates even if another replica has just done so, because that rotation may have kept the leaked
    /// secret valid.
    ///
    /// # Errors
    ///
    /// Fails like [`rotate`](Self::rotate).
    ///
    /// # Security
    ///
    /// Requests in flight with the previous secret are rejected, in this process and in all others,
    /// until those reload.
    pub async fn rotate_immediately(&self) -> Result<Rotation, AdminError> {
        self.rotate_with(Duration::ZERO).await
    }

    async fn rotate_with(&self, ttl: Duration) -> Result<Rotation, AdminError> {
        let managed = self.manager()?;
        loop {
            let inner = Arc::clone(&self.inner);
            match managed.join_rotation(ttl, || run(inner, ttl))? {
                Join::Existing(shared) => {
                    let outcome = shared.outcome().await;
                    return outcome.unwrap_or_else(|_| Err(AdminError::interrupted()));
                }
                // Its outcome belongs to its own callers.
                Join::AfterExisting(shared) => drop(shared.outcome().await),
            }
        }
    }

    pub(super) fn manager(&self) -> Result<&Managed, AdminError> {
        let fixed = || AdminError::invalid("machine_secret", "is fixed and cannot be rotated");
        self.inner.managed.as_ref().ok_or_else(fixed)
    }
}

/// Returns an error for a TTL that would expire the previous secret while requests use it.
pub(super) fn graceful(previous_token_ttl: Duration) -> Result<(), AdminError> {
    match whole_previous_token_ttl(previous_token_ttl)? {
        0 => Err(AdminError::invalid(
            "previous_token_ttl",
            "is zero, which `rotate_immediately` is for",
        )),
        _ => Ok(()),
    }
}

/// Converts to whole seconds, up to eight hours, which is what Clerk accepts.
pub(crate) fn whole_previous_token_ttl(ttl: Duration) -> Result<u64, AdminError> {
    const FIELD: &str = "previous_token_ttl";
    if ttl.subsec_nanos() != 0 {
        return Err(AdminError::invalid(
            FIELD,
            "is not a whole number of seconds",
        ));
    }
    match ttl.as_secs() {
        seconds @ 0..=MAX_PREVIOUS_TOKEN_TTL => Ok(seconds),
        _ => Err(AdminError::invalid(FIELD, "is more than 28800 seconds")),
    }
}

async fn run(inner: Arc<Inner>, ttl: Duration) -> Result<Rotation, AdminError> {
    let Some(managed) = &inner.managed else {
        return Err(AdminError::interrupted());
    };
    let known = inner.cell.current();
    let read = managed.read().await?;
    let was_overtaken = inner.cell.holds_other_than(known.as_ref());
    let rotated_elsewhere = known.is_some_and(|known| !known.same(&read));
    if !was_overtaken {
        inner.cell.adopt(read.clone());
    }
    if (rotated_elsewhere || was_overtaken) && !ttl.is_zero() {
        tracing::info!(machine = %managed.machine_id(), "adopted a machine secret rotated elsewhere");
        return Ok(Rotation::Adopted);
    }
    let adopted = inner.cell.current();
    let mut new = managed.source().rotate(read, ttl).await?;
    if inner.cell.holds_other_than(adopted.as_ref()) {
        // This task was suspended meanwhile: only Clerk knows which secret is the newest.
        new = managed.read().await?;
    }
    inner.cell.adopt(new);
    tracing::info!(machine = %managed.machine_id(), "rotated the machine secret");
    Ok(Rotation::Rotated)
}
