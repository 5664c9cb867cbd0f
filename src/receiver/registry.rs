//! Asks Clerk which machines a sender may reach, and remembers the answer like a verdict.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::timeout_at;
use tracing::Instrument as _;

use crate::admin::{AdminClient, AdminError, AdminErrorKind};
use crate::cache::{CacheKey, Memo, Named, Outcome, Told};
use crate::clock;
use crate::error::Reason;
use crate::id::MachineId;
use crate::setting::SECRET_KEY;
use crate::tasks::Wait;
use crate::upstream::{Lane, Pass, Upstream};

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
                        Some(sender) => registry.ask(sender).await,
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
    async fn ask(self: Arc<Self>, sender: MachineId) -> Outcome<Sender> {
        let deadline = clock::after(self.parts.timeout);
        let pass = match self.parts.upstream.enter(Lane::Known, deadline).await {
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
    let status = error.api().map(|api| api.status);
    tracing::debug!(%error, "the registry gave no answer");
    match (status, error.kind()) {
        (Some(StatusCode::NOT_FOUND), _) => {
            pass.worked();
            Outcome::Bad(Reason::WrongReceiver)
        }
        (Some(StatusCode::TOO_MANY_REQUESTS), _) => {
            Outcome::Unavailable(pass.throttled(error.retry_after()))
        }
        (Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN), _) => {
            pass.refused(SECRET_KEY);
            Outcome::Unavailable(Reason::Credentials.into())
        }
        (Some(status), _) if status.is_server_error() => {
            pass.failed();
            Outcome::Unavailable(Reason::Upstream.into())
        }
        (None, AdminErrorKind::Transport) => {
            pass.failed();
            Outcome::Unavailable(Reason::Upstream.into())
        }
        _ => {
            pass.unreadable();
            Outcome::Unavailable(Reason::UpstreamAnswer.into())
        }
    }
}
