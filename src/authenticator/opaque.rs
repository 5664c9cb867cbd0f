//! The way of an opaque token: memory, else Clerk; then the receiver.

use std::sync::Arc;

use secrecy::SecretString;

use super::core::Core;
use crate::cache::{Domain, Named, Told, Why};
use crate::error::AuthError;
use crate::identity::{MachineAuth, UnixMillis};
use crate::token::TokenType;

impl Named for MachineAuth {
    fn names(&self) -> [&str; 2] {
        [self.id(), self.subject()]
    }
}

impl Core {
    pub(super) fn opaque(self: &Arc<Self>, kind: TokenType, token: &str) -> Told<MachineAuth> {
        let key = self.hasher.key(domain(kind), token);
        let question = |why: Why| {
            let verifier = Arc::clone(&self.opaque);
            verifier.ask(kind, SecretString::from(token), why)
        };
        let now = self.clock.monotonic();
        match self.opaques.tell(key, now, &self.tasks, question) {
            Told::Now(answer) => Told::Now(answer.and_then(|auth| self.admit_opaque(auth))),
            Told::Later(answer) => {
                let core = Arc::clone(self);
                Told::Later(Box::pin(async move { core.admit_opaque(answer.await?) }))
            }
        }
    }

    /// Decides on a token that Clerk vouches for.
    fn admit_opaque(&self, auth: MachineAuth) -> Result<MachineAuth, AuthError> {
        self.check_now(&auth, UnixMillis(0))?;
        if let MachineAuth::M2m(token) = &auth {
            self.receiver.check_opaque(token)?;
        }
        Ok(auth)
    }
}

const fn domain(kind: TokenType) -> Domain {
    match kind {
        TokenType::M2m => Domain::M2m,
        TokenType::ApiKey => Domain::ApiKey,
        TokenType::OAuth => Domain::OAuth,
    }
}
