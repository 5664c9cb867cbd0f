//! Whether a sender may reach this machine (M2M tokens only).
//!
//! 1. Where this machine's id is known, the scopes of an opaque token hold it. Clerk wrote them.
//! 2. The scopes and the audience of a JWT are claims that its sender chose. A JWT is bound by the
//!    scopes of the sending machine at Clerk (registry), or by a list of senders, or, if the
//!    service says so, by those claims or by nothing.
//! 3. A list of senders binds opaque tokens too.

mod registry;

use std::sync::Arc;
use std::time::Duration;

use crate::cache::Lookup;
use crate::error::Reason;
use crate::id::MachineId;
use crate::identity::M2mToken;
use crate::tasks::Wait;

pub(crate) use self::registry::{Registry, RegistryParts};
use crate::cache::CacheKey;

/// How the sender of a JWT is bound to this machine.
#[derive(Debug)]
pub(crate) enum SenderRule {
    /// Clerk says which machines the sender may reach.
    Registry(Arc<Registry>),
    /// These senders, and no others.
    Listed(Box<[MachineId]>),
    /// Whoever claims that the token is for this machine.
    ScopeClaims,
    /// Every machine of the instance.
    Any,
}

/// Decides whether a genuine M2M token may reach this machine.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) me: Option<MachineId>,
    pub(crate) rule: SenderRule,
}

impl Receiver {
    pub(crate) fn check_opaque(&self, token: &M2mToken) -> Result<(), Reason> {
        self.check_listed(token)?;
        match &self.me {
            Some(me) if !token.scopes().contains(me.as_str()) => Err(Reason::WrongReceiver),
            _ => Ok(()),
        }
    }

    /// Decides on a JWT; `name` is that of its sender in the registry.
    pub(crate) fn check_jwt(
        &self,
        token: &M2mToken,
        key: CacheKey,
        now: Duration,
        wait: Wait<'_>,
    ) -> Lookup<()> {
        match &self.rule {
            SenderRule::Registry(registry) => registry.check(token.machine_id(), key, now, wait),
            SenderRule::Listed(_) => Lookup::Ready(self.check_listed(token).map_err(Into::into)),
            SenderRule::ScopeClaims => Lookup::Ready(self.check_claims(token).map_err(Into::into)),
            SenderRule::Any => Lookup::Ready(Ok(())),
        }
    }

    fn check_listed(&self, token: &M2mToken) -> Result<(), Reason> {
        match &self.rule {
            SenderRule::Listed(senders) => senders
                .iter()
                .any(|sender| sender.as_str() == token.machine_id())
                .then_some(())
                .ok_or(Reason::WrongReceiver),
            _ => Ok(()),
        }
    }

    /// Without a machine id nothing can be claimed for us, so nothing passes.
    fn check_claims(&self, token: &M2mToken) -> Result<(), Reason> {
        let names_me = |me: &MachineId| token.scopes().contains(me.as_str());
        self.me
            .as_ref()
            .is_some_and(names_me)
            .then_some(())
            .ok_or(Reason::WrongReceiver)
    }
}
