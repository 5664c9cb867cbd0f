//! Asks Clerk which machines a sender may reach, and remembers the answer like a verdict.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::timeout_at;
use tracing::Instrument as _;

use crate::admin::{AdminClient, AdminError, AdminErrorKind, ApiError};
use crate::cache::{CacheKey, Memo, Named, Outcome, Told};
use crate::clock;
use crate::error::Reason;
use crate::id::MachineId;
use crate::setting::SECRET_KEY;
use crate::tasks::Wait;
use crate::upstream::{About, CallInfo, Lane, Pass, Upstream};

/// A sender that may reach this machine.
#[derive(Debug, Clone)]
pub(crate) struct Sender(MachineId);

impl Named for Sender {
    fn names(&self) -> [&str; 2] {
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
    pub(crate) memo: Arc<Memo<Sender>>,
    pub(crate) upstream: Arc<Upstream>,
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
        name: CacheKey,
        now: Duration,
        wait: Wait<'_>,
    ) -> Told<()> {
        let question = || {
            let (registry, sender) = (Arc::clone(self), MachineId::new(sender).ok());
            move |_| {
                let (registry, sender) = (Arc::clone(&registry), sender.clone());
                async move {
                    match sender {
                        Some(sender) => registry.ask(sender, name).await,
                        // A signed subject that is no machine's identifier: there is no such machine.
                        None => Outcome::Bad(Reason::WrongReceiver),
                    }
                }
            }
        };
        match self.parts.memo.tell(name, now, wait, question) {
            Told::Now(answer) => Told::Now(answer.map(|_| ())),
            Told::Later(answer) => Told::Later(Box::pin(async { answer.await.map(|_| ()) })),
        }
    }

    /// A signature that is right has brought us here, so nobody can make these questions up: they
    /// go in the lane of known tokens.
    async fn ask(self: Arc<Self>, sender: MachineId, name: CacheKey) -> Outcome<Sender> {
        let deadline = clock::after(self.parts.timeout);
        let call = CallInfo {
            lane: Lane::Known,
            about: About::Machine,
            name,
        };
        let pass = match self.parts.upstream.enter(call, deadline).await {
            Ok(pass) => pass,
            Err(error) => return Outcome::Unavailable(error),
        };
        let span = tracing::debug_span!("ask_registry", sender = sender.as_str());
        let machines = self.parts.admin.machines();
        match timeout_at(deadline, machines.get(&sender).instrument(span)).await {
            Ok(Ok(machine)) => {
                pass.worked();
                if machine.can_reach(&self.parts.me) {
                    Outcome::Good(Sender(sender))
                } else {
                    Outcome::Bad(Reason::WrongReceiver)
                }
            }
            Ok(Err(error)) => judge(&error, pass),
            Err(_) => {
                pass.failed();
                Outcome::Unavailable(Reason::Upstream.into())
            }
        }
    }
}

fn judge(error: &AdminError, pass: Pass<'_>) -> Outcome<Sender> {
    tracing::debug!(%error, "the registry gave no answer");
    let reason = match error.api() {
        Some(api) => return judge_refusal(api, pass),
        None if error.kind() == AdminErrorKind::Transport && !error.is_unreadable() => {
            pass.failed();
            Reason::Upstream
        }
        None => {
            pass.unreadable();
            Reason::UpstreamAnswer
        }
    };
    Outcome::Unavailable(reason.into())
}

/// Only an answer with Clerk's list of errors says no: a proxy answers 404 as well.
fn judge_refusal(api: &ApiError, pass: Pass<'_>) -> Outcome<Sender> {
    let is_quota = api.status == StatusCode::PAYMENT_REQUIRED || api.is_quota_exceeded();
    let reason = match api.status {
        _ if is_quota => return Outcome::Unavailable(pass.over_quota(api.retry_after)),
        StatusCode::NOT_FOUND if !api.errors.is_empty() => {
            pass.worked();
            return Outcome::Bad(Reason::WrongReceiver);
        }
        StatusCode::TOO_MANY_REQUESTS => {
            return Outcome::Unavailable(pass.throttled(api.retry_after));
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            pass.refused(SECRET_KEY);
            Reason::Credentials
        }
        status if status.is_server_error() => {
            pass.failed();
            Reason::Upstream
        }
        _ => {
            pass.unreadable();
            Reason::UpstreamAnswer
        }
    };
    Outcome::Unavailable(reason.into())
}
