//! Whether a sender may reach this machine (M2M tokens only).
//!
//! 1. If this machine's id is known, the scopes of an opaque token must contain it. Clerk wrote them.
//! 2. The scopes and the audience of a JWT are claims that its sender chose. A JWT is bound by the
//!    scopes of the sending machine at Clerk (registry) or by a list of senders. If the service is
//!    configured so, it is bound by those claims, or not at all.
//! 3. A list of senders binds opaque tokens too.

mod registry;

use std::sync::Arc;
use std::time::Duration;

use crate::cache::Lookup;
use crate::error::Reason;
use crate::id::MachineId;
use crate::identity::M2mToken;
use crate::tasks::Wait;

pub(crate) use self::registry::{Registry, RegistryParts, Standing};
use crate::cache::CacheKey;

/// How the sender of a JWT is bound to this machine.
#[derive(Debug)]
pub(crate) enum SenderRule {
    /// Clerk's registry lists the machines that the sender may reach.
    Registry(Arc<Registry>),
    /// Only these senders may call.
    Listed(Box<[MachineId]>),
    /// Any sender may call whose token names this machine in its claims.
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

    /// Checks a JWT. `name` is the key of its sender in the registry's cache.
    pub(crate) fn check_jwt(
        &self,
        token: &M2mToken,
        key: CacheKey,
        now: Duration,
        wait: Wait<'_>,
    ) -> Lookup<Standing> {
        let standing = |()| Standing::default();
        match &self.rule {
            SenderRule::Registry(registry) => registry.check(token.machine_id(), key, now, wait),
            SenderRule::Listed(_) => {
                Lookup::Ready(self.check_listed(token).map(standing).map_err(Into::into))
            }
            SenderRule::ScopeClaims => {
                Lookup::Ready(self.check_claims(token).map(standing).map_err(Into::into))
            }
            SenderRule::Any => Lookup::Ready(Ok(Standing::default())),
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

    /// Without a machine id, no claim can name this machine, so every token is rejected.
    fn check_claims(&self, token: &M2mToken) -> Result<(), Reason> {
        let names_me = |me: &MachineId| token.scopes().contains(me.as_str());
        self.me
            .as_ref()
            .is_some_and(names_me)
            .then_some(())
            .ok_or(Reason::WrongReceiver)
    }
}
