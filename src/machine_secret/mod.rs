//! The service's own machine secret: loading, reloading, rotation and watching.
//!
//! # Rules
//!
//! 1. Reading the secret ([`MachineSecret::current`]) takes no lock and does no I/O.
//! 2. At most one read and one rotation of a machine run in a process, and never at the same time, so
//!    that a slow read cannot restore the secret from before a rotation.
//! 3. They run in tasks of their own, so that a cancelled caller loses no result. A task on a runtime
//!    that nobody drives is waited for no longer than its timeout. A late result is not used if another
//!    secret was adopted meanwhile.
//! 4. A rotation reads first. If the secret is not ours any more, another replica has rotated it. Its
//!    secret is then adopted instead of rotating again.
//! 5. A refusal of the secret by Clerk causes at most one read in 30 seconds.

mod cell;
mod managed;
mod rotation;
mod schedule;
mod shared_work;
mod source;
mod watch;

use std::fmt;
use std::sync::Arc;

use self::cell::Cell;
use self::managed::{Managed, Reason};
pub(crate) use self::rotation::whole_previous_token_ttl;
pub use self::schedule::RotationHandle;
pub(crate) use self::source::SecretSource;
pub use self::watch::SecretWatch;
use crate::backend::AdminError;
use crate::clock::Clock;
use crate::id::MachineId;
use crate::problem::ProblemRecord;
use crate::secret::MachineSecretKey;

/// The machine secret of this service, either fixed or managed; cheap to clone.
///
/// A [fixed](Self::fixed) secret never changes. A [managed](Self::managed) one is loaded through
/// the admin client by machine id, reloaded when Clerk refuses it, and rotated on request or on a
/// schedule. Clones share the secret, so an authenticator uses a new one immediately.
///
/// # Several replicas
///
/// Clerk keeps the previous secret valid for `previous_token_ttl`. A replica that did not rotate adopts
/// the new secret when Clerk refuses the old one, or sooner if it runs
/// [`rotate_every`](Self::rotate_every) itself. If two replicas rotate at once, both secrets are valid
/// for that time, and the replicas agree after the next read. Use a `previous_token_ttl` of at least 60
/// seconds. With less, requests in flight may be rejected.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use clerk_machine_auth::{AdminClient, SecretKey, testing::ClerkEmulator};
/// # let clerk = ClerkEmulator::start().await;
/// # let machine = clerk.machine("orders").create();
/// # let client = AdminClient::builder()
/// #     .api_url(clerk.api_url())
/// #     .secret_key(SecretKey::new(clerk.secret_key())?)
/// #     .build()?;
/// use std::time::Duration;
///
/// use clerk_machine_auth::{MachineId, MachineSecret, machine_secret::Rotation};
///
/// let secret = MachineSecret::managed(client, MachineId::new(machine.id())?);
/// let before = secret.load().await?;
/// assert_eq!(secret.rotate(Duration::from_secs(3600)).await?, Rotation::Rotated);
/// let now = secret.current().expect("loaded");
/// assert_ne!(now.expose_secret(), before.expose_secret());
/// # Ok(()) }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
///
/// A secret that never changes:
///
/// ```
/// use clerk_machine_auth::{MachineSecret, MachineSecretKey};
///
/// let secret = MachineSecret::fixed(MachineSecretKey::new("ak_4f8a")?);
/// assert_eq!(secret.current().unwrap().expose_secret(), "ak_4f8a");
/// assert!(!format!("{secret:?}").contains("4f8a"));
/// # Ok::<(), clerk_machine_auth::SecretError>(())
/// ```
#[derive(Clone)]
pub struct MachineSecret {
    inner: Arc<Inner>,
}

struct Inner {
    cell: Cell,
    managed: Option<Managed>,
}

/// The result of [`MachineSecret::reload`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reload {
    /// Clerk has a new secret, which is now in use.
    Changed,
    /// Clerk has the secret that is already in use.
    Unchanged,
    /// The last read was less than 30 seconds ago, so Clerk was not asked.
    TooSoon,
}

/// The result of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rotation {
    /// This process rotated the secret.
    Rotated,
    /// Another replica had rotated the secret, which was adopted.
    Adopted,
}

impl MachineSecret {
    /// Creates a fixed secret.
    #[must_use]
    pub fn fixed(secret: MachineSecretKey) -> Self {
        let cell = Cell::new(Some(secret));
        let inner = Arc::new(Inner {
            cell,
            managed: None,
        });
        Self { inner }
    }

    pub(crate) fn from_source(
        source: Arc<dyn SecretSource>,
        clock: Arc<dyn Clock>,
        initial: Option<MachineSecretKey>,
    ) -> Self {
        let (cell, managed) = (Cell::new(initial), Some(Managed::new(source, clock)));
        Self {
            inner: Arc::new(Inner { cell, managed }),
        }
    }

    /// Returns the machine of a managed secret; `None` for a fixed one.
    #[must_use]
    pub fn machine_id(&self) -> Option<&MachineId> {
        Some(self.inner.managed.as_ref()?.machine_id())
    }

    /// Returns the current secret; `None` until a managed secret has been loaded.
    ///
    /// Takes no lock, so it may be called for every request.
    #[must_use]
    pub fn current(&self) -> Option<Arc<MachineSecretKey>> {
        self.inner.cell.current()
    }

    /// Compares the current secret and the previous ones with a token, in constant time.
    pub(crate) fn ct_eq(&self, token: &[u8]) -> bool {
        self.inner.cell.ct_eq(token)
    }

    /// Returns the current secret, after loading it if necessary.
    ///
    /// Concurrent callers share one read.
    ///
    /// # Errors
    ///
    /// Returns an error if the secret is not loaded yet and Clerk does not return it. A failure is kept
    /// for one second, so that waiting requests do not each call a Clerk that is down.
    pub async fn load(&self) -> Result<Arc<MachineSecretKey>, AdminError> {
        if let Some(secret) = self.current() {
            return Ok(secret);
        }
        let outcome = self.read(Reason::Load).await;
        let why = || outcome.err().or_else(|| self.last_failure());
        self.current()
            .ok_or_else(|| why().unwrap_or_else(AdminError::interrupted))
    }

    /// Reads the secret from Clerk and adopts it.
    ///
    /// Concurrent callers share one read. A fixed secret never changes.
    ///
    /// # Errors
    ///
    /// Returns an error if Clerk does not return the secret. The current one is kept.
    pub async fn reload(&self) -> Result<Reload, AdminError> {
        self.read(Reason::Reload).await
    }

    /// Watches for new secrets, for an application that stores a copy.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn persist(_: &str) {}
    /// # async fn keep(secret: clerk_machine_auth::MachineSecret) {
    /// let mut changes = secret.watch();
    /// while let Some(new) = changes.changed().await {
    ///     persist(new.expose_secret()).await;
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn watch(&self) -> SecretWatch {
        self.inner.cell.watch()
    }

    /// Handles a refusal of `used` by Clerk. Returns `true` if a retry with another secret is
    /// worthwhile.
    pub(crate) async fn rejected(&self, used: &MachineSecretKey) -> bool {
        if self.has_other_than(used) {
            return true;
        }
        if let Err(error) = self.reload().await {
            tracing::warn!(%error, "the machine secret was refused and could not be reloaded");
        }
        self.has_other_than(used)
    }

    fn has_other_than(&self, used: &MachineSecretKey) -> bool {
        self.current().is_some_and(|now| !now.same(used))
    }

    async fn read(&self, reason: Reason) -> Result<Reload, AdminError> {
        let Some(managed) = &self.inner.managed else {
            return Ok(Reload::Unchanged);
        };
        let join = || managed.join_read(reason, || read(Arc::clone(&self.inner)));
        let Some(shared) = join()? else {
            return Ok(Reload::TooSoon);
        };
        if let Ok(outcome) = shared.outcome().await {
            return outcome;
        }
        // Its runtime has shut down or is not driven. The caller's is alive.
        let Some(shared) = join()? else {
            return Ok(Reload::TooSoon);
        };
        let outcome = shared.outcome().await;
        outcome.unwrap_or_else(|_| Err(AdminError::interrupted()))
    }

    /// Returns the current and the last problem with reading the secret, or `None` for a fixed one.
    pub(crate) fn record(&self) -> Option<&ProblemRecord> {
        Some(self.inner.managed.as_ref()?.record())
    }

    /// Starts to load a secret that could not be loaded, unless the last attempt was too recent.
    pub(crate) fn begin_load(&self) {
        if let Some(managed) = &self.inner.managed
            && self.current().is_none()
        {
            // A later call shows whether it succeeded.
            let read = || read(Arc::clone(&self.inner));
            let _detached = managed.join_read(Reason::Load, read);
        }
    }

    fn last_failure(&self) -> Option<AdminError> {
        self.inner.managed.as_ref()?.last_failure()
    }
}

/// Reads the secret and adopts it, unless another one was adopted after the read started.
fn read(inner: Arc<Inner>) -> impl Future<Output = Result<Reload, AdminError>> + Send + 'static {
    let before = inner.cell.current();
    async move {
        let Some(managed) = &inner.managed else {
            return Ok(Reload::Unchanged);
        };
        if inner.cell.holds_other_than(before.as_ref()) {
            return Ok(Reload::Changed);
        }
        let secret = managed.read().await?;
        let was_overtaken = inner.cell.holds_other_than(before.as_ref());
        Ok(if was_overtaken || inner.cell.adopt(secret) {
            Reload::Changed
        } else {
            Reload::Unchanged
        })
    }
}

impl From<MachineSecretKey> for MachineSecret {
    fn from(secret: MachineSecretKey) -> Self {
        Self::fixed(secret)
    }
}

impl fmt::Debug for MachineSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachineSecret")
            .field("machine_id", &self.machine_id())
            .field("current", &self.current())
            .finish()
    }
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
