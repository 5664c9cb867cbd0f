//! The way of an opaque token: memory, else Clerk; then the receiver.

use std::sync::Arc;

use secrecy::SecretString;

use super::cached::CacheLookup;
use super::core::Core;
use crate::cache::{CacheValue, Domain, Lookup, Outcome, Priority};
use crate::error::AuthError;
use crate::identity::{MachineAuth, UnixMillis};
use crate::receiver::Receiver;
use crate::token::{BearerToken, TokenType};

impl CacheValue for MachineAuth {
    fn tags(&self) -> [&str; 2] {
        [self.id(), self.subject()]
    }

    fn heap_size(&self) -> usize {
        Self::heap_size(self)
    }
}

impl Core {
    pub(super) fn opaque(
        self: &Arc<Self>,
        token_type: TokenType,
        token: BearerToken<'_>,
        lookup: &CacheLookup,
    ) -> Lookup<MachineAuth> {
        let question = || {
            let (verifier, receiver) = (Arc::clone(&self.opaque), Arc::clone(&self.receiver));
            let token = SecretString::from(token.as_str());
            let key = lookup.key;
            move |priority: Priority| {
                let receiver = Arc::clone(&receiver);
                let for_here = move |outcome| for_here(&receiver, outcome);
                Arc::clone(&verifier).ask(token_type, token.clone(), key, priority, for_here)
            }
        };
        let wait = self.wait(None);
        // The promise of the first letters is kept: they alone make the type of an opaque token.
        match self
            .opaques
            .get_or_fetch(lookup.key, lookup.now, wait, question)
        {
            Lookup::Ready(answer) => Lookup::Ready(answer.and_then(|auth| self.admit_opaque(auth))),
            Lookup::Pending(answer) => {
                let core = Arc::clone(self);
                Lookup::Pending(Box::pin(async move { core.admit_opaque(answer.await?) }))
            }
        }
    }

    /// Decides on a token that Clerk vouches for.
    pub(super) fn admit_opaque(&self, auth: MachineAuth) -> Result<MachineAuth, AuthError> {
        self.check_now(&auth, UnixMillis(0))?;
        if let MachineAuth::M2m(token) = &auth {
            self.receiver.check_opaque(token)?;
        }
        Ok(self.with_granted_scopes(auth))
    }
}

/// Takes a genuine token that can never be accepted here for a bad one: its verdict has no place
/// among the good ones, and its renewals none among the calls for known tokens.
fn for_here(receiver: &Receiver, outcome: Outcome<MachineAuth>) -> Outcome<MachineAuth> {
    match outcome {
        Outcome::Valid(MachineAuth::M2m(token)) => match receiver.check_opaque(&token) {
            Ok(()) => Outcome::Valid(MachineAuth::M2m(token)),
            Err(reason) => Outcome::Rejected(reason),
        },
        outcome => outcome,
    }
}

pub(super) const fn domain(token_type: TokenType) -> Domain {
    match token_type {
        TokenType::M2m => Domain::M2m,
        TokenType::ApiKey => Domain::ApiKey,
        TokenType::OAuth => Domain::OAuth,
    }
}
