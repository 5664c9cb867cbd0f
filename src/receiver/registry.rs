//! Fetches from Clerk which machines a sender may reach, and caches the result like a verdict.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout_at;
use tracing::Instrument as _;

use crate::admin::AdminClient;
use crate::backend::{AdminError, AdminErrorKind, ResponseClass};
use crate::cache::{CacheKey, CacheValue, Lookup, Outcome, Priority, VerdictCache};
use crate::clock;
use crate::error::Reason;
use crate::fleet::PATIENCE;
use crate::id::MachineId;
use crate::setting::SECRET_KEY;
use crate::tasks::Wait;
use crate::upstream::{CallInfo, Endpoint, Permit, UpstreamGuard};

/// A sender that may reach this machine.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    id: MachineId,
    is_stale: bool,
}

impl Sender {
    const fn found(id: MachineId) -> Self {
        let is_stale = false;
        Self { id, is_stale }
    }
}

/// That a sender may reach this machine, and whether the answer is past its fresh time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Standing {
    pub(crate) is_stale: bool,
}

impl CacheValue for Sender {
    fn tags(&self) -> [&str; 2] {
        ["", self.id.as_str()]
    }

    fn heap_size(&self) -> usize {
        self.id.as_str().len()
    }

    fn mark_stale(&mut self) {
        self.is_stale = true;
    }
}

/// The parts of a registry.
#[derive(Debug)]
pub(crate) struct RegistryParts {
    pub(crate) me: MachineId,
    pub(crate) admin: AdminClient,
    pub(crate) cache: Arc<VerdictCache<Sender>>,
    pub(crate) upstream: Arc<UpstreamGuard>,
    /// The timeout of one fetch, including all waits and retries.
    pub(crate) timeout: Duration,
}

/// Decides which senders may reach this machine.
///
/// Removing a machine from the sender's scopes in Clerk therefore cuts off the sender's JWTs here
/// within the revocation budget, even before they expire. Clerk itself has no such kill switch for
/// JWTs.
#[derive(Debug)]
pub(crate) struct Registry {
    parts: RegistryParts,
}

impl Registry {
    pub(crate) const fn new(parts: RegistryParts) -> Self {
        Self { parts }
    }

    pub(crate) fn check(
        self: &Arc<Self>,
        sender: &str,
        key: CacheKey,
        now: Duration,
        wait: Wait<'_>,
    ) -> Lookup<Standing> {
        let fetch = || {
            let (registry, sender) = (Arc::clone(self), MachineId::new(sender).ok());
            move |_| {
                let (registry, sender) = (Arc::clone(&registry), sender.clone());
                async move {
                    match sender {
                        Some(sender) => registry.ask(sender, key).await,
                        // A signed subject that is not the identifier of a machine: there is no such
                        // machine.
                        None => Outcome::Rejected(Reason::WrongReceiver),
                    }
                }
            }
        };
        let (lookup, _) = self.parts.cache.get_or_fetch(key, now, wait, fetch);
        lookup.and_then(|sender| {
            let is_stale = sender.is_stale;
            Ok(Standing { is_stale })
        })
    }

    /// Fetches the machines that a sender may reach. Only a valid signature leads here, so nobody can
    /// make up these calls. They have the priority of known tokens.
    async fn ask(self: Arc<Self>, sender: MachineId, key: CacheKey) -> Outcome<Sender> {
        let deadline = clock::after(self.parts.timeout);
        let call = CallInfo {
            priority: Priority::Revalidation,
            endpoint: Endpoint::Machine,
            patience: PATIENCE,
            key,
        };
        let permit = match self.parts.upstream.acquire(call, deadline).await {
            Ok(permit) => permit,
            Err(error) => return Outcome::Unavailable(error),
        };
        let span = tracing::debug_span!("clerk.ask_registry");
        let machines = self.parts.admin.machines();
        match timeout_at(deadline, machines.get(&sender).instrument(span)).await {
            Ok(Ok(machine)) => match permit.report(ResponseClass::Ok, None, SECRET_KEY) {
                Ok(()) if machine.can_reach(&self.parts.me) => {
                    Outcome::Valid(Sender::found(sender))
                }
                Ok(()) => Outcome::Rejected(Reason::WrongReceiver),
                Err(error) => Outcome::Unavailable(error),
            },
            Ok(Err(error)) => refusal(&error, permit),
            Err(_) => Outcome::Unavailable(permit.report_lost(false)),
        }
    }
}

fn refusal(error: &AdminError, permit: Permit<'_>) -> Outcome<Sender> {
    tracing::debug!(%error, "the registry could not be read");
    let Some(api) = error.api() else {
        let is_lost = error.kind() == AdminErrorKind::Transport && !error.is_unreadable();
        return Outcome::Unavailable(permit.report_lost(!is_lost));
    };
    let class = match ResponseClass::of_error(api) {
        // Only a machine that does not exist is a rejection.
        ResponseClass::InvalidToken if !api.is_not_found() => ResponseClass::Unexpected,
        class => class,
    };
    match permit.report(class, api.retry_after, SECRET_KEY) {
        Ok(()) => Outcome::Rejected(Reason::WrongReceiver),
        Err(error) => Outcome::Unavailable(error),
    }
}
