//! Asks Clerk which machines a sender may reach, and remembers the answer like a verdict.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::timeout_at;
use tracing::Instrument as _;

use crate::admin::{AdminClient, AdminError, AdminErrorKind, ApiError};
use crate::cache::{CacheKey, CacheValue, Lookup, Outcome, Priority, VerdictCache};
use crate::clock;
use crate::error::Reason;
use crate::id::MachineId;
use crate::setting::SECRET_KEY;
use crate::tasks::Wait;
use crate::upstream::{CallInfo, Endpoint, Permit, UpstreamGuard};

/// A sender that may reach this machine.
#[derive(Debug, Clone)]
pub(crate) struct Sender(MachineId);

impl CacheValue for Sender {
    fn tags(&self) -> [&str; 2] {
        ["", self.0.as_str()]
    }

    fn heap_size(&self) -> usize {
        self.0.as_str().len()
    }
}

/// What a registry is made of.
#[derive(Debug)]
pub(crate) struct RegistryParts {
    pub(crate) me: MachineId,
    pub(crate) admin: AdminClient,
    pub(crate) cache: Arc<VerdictCache<Sender>>,
    pub(crate) upstream: Arc<UpstreamGuard>,
    /// For one question, all waits and tries included.
    pub(crate) timeout: Duration,
}

/// Knows which senders may reach this machine.
///
/// To take a machine out of the sender's scopes at Clerk so ends its JWTs here, although they have
/// not expired: the kill switch that Clerk itself lacks.
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
    ) -> Lookup<()> {
        let fetch = || {
            let (registry, sender) = (Arc::clone(self), MachineId::new(sender).ok());
            move |_| {
                let (registry, sender) = (Arc::clone(&registry), sender.clone());
                async move {
                    match sender {
                        Some(sender) => registry.ask(sender, key).await,
                        // A signed subject that is no machine's identifier: there is no such machine.
                        None => Outcome::Rejected(Reason::WrongReceiver),
                    }
                }
            }
        };
        match self.parts.cache.get_or_fetch(key, now, wait, fetch) {
            Lookup::Ready(answer) => Lookup::Ready(answer.map(|_| ())),
            Lookup::Pending(answer) => {
                Lookup::Pending(Box::pin(async { answer.await.map(|_| ()) }))
            }
        }
    }

    /// A signature that is right has brought us here, so nobody can make these questions up: they
    /// go in the lane of known tokens.
    async fn ask(self: Arc<Self>, sender: MachineId, key: CacheKey) -> Outcome<Sender> {
        let deadline = clock::after(self.parts.timeout);
        let call = CallInfo {
            priority: Priority::Revalidation,
            endpoint: Endpoint::Machine,
            key,
        };
        let permit = match self.parts.upstream.acquire(call, deadline).await {
            Ok(permit) => permit,
            Err(error) => return Outcome::Unavailable(error),
        };
        let span = tracing::debug_span!("ask_registry", sender = sender.as_str());
        let machines = self.parts.admin.machines();
        match timeout_at(deadline, machines.get(&sender).instrument(span)).await {
            Ok(Ok(machine)) => {
                permit.success();
                if machine.can_reach(&self.parts.me) {
                    Outcome::Valid(Sender(sender))
                } else {
                    Outcome::Rejected(Reason::WrongReceiver)
                }
            }
            Ok(Err(error)) => judge(&error, permit),
            Err(_) => {
                permit.failure();
                Outcome::Unavailable(Reason::Upstream.into())
            }
        }
    }
}

fn judge(error: &AdminError, permit: Permit<'_>) -> Outcome<Sender> {
    tracing::debug!(%error, "the registry gave no answer");
    let reason = match error.api() {
        Some(api) => return judge_refusal(api, permit),
        None if error.kind() == AdminErrorKind::Transport && !error.is_unreadable() => {
            permit.failure();
            Reason::Upstream
        }
        None => {
            permit.unreadable_answer();
            Reason::UpstreamAnswer
        }
    };
    Outcome::Unavailable(reason.into())
}

/// Only an answer with Clerk's list of errors says no: a proxy answers 404 as well.
fn judge_refusal(api: &ApiError, permit: Permit<'_>) -> Outcome<Sender> {
    let is_quota = api.status == StatusCode::PAYMENT_REQUIRED || api.is_quota_exceeded();
    let reason = match api.status {
        _ if is_quota => return Outcome::Unavailable(permit.quota_exceeded(api.retry_after)),
        StatusCode::NOT_FOUND if !api.errors.is_empty() => {
            permit.success();
            return Outcome::Rejected(Reason::WrongReceiver);
        }
        StatusCode::TOO_MANY_REQUESTS => {
            return Outcome::Unavailable(permit.rate_limited(api.retry_after));
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            permit.secret_refused(SECRET_KEY);
            Reason::Credentials
        }
        status if status.is_server_error() => {
            permit.failure();
            Reason::Upstream
        }
        _ => {
            permit.unreadable_answer();
            Reason::UpstreamAnswer
        }
    };
    Outcome::Unavailable(reason.into())
}
