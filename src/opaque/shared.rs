//! Takes the answer that Clerk gave to another replica of the fleet, or asks for all of them.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::verifier::{Answered, OpaqueVerifier, SharedAnswers, Verification};
use crate::backend::ResponseClass;
use crate::cache::{Fetched, Outcome, Priority, Since};
use crate::credential::Credential;
use crate::error::Reason;
use crate::fleet::{ClerkAnswer, EntryName, Recall, Replica, Shared};
use crate::identity::MachineAuth;
use crate::token::TokenType;

impl SharedAnswers {
    /// Names the answer that replicas share: by all that Clerk's answer depends on.
    ///
    /// By a machine secret Clerk answers as that machine sees the token; if nobody knows which
    /// machine that is, the answer is not shared.
    fn entry_name(
        &self,
        verification: &Verification,
        credential: &Credential,
    ) -> Option<EntryName> {
        let context = match credential {
            Credential::Instance { .. } => "instance",
            Credential::Machine { secret, .. } => {
                secret.machine_id().or(self.me.as_ref())?.as_str()
            }
            Credential::Given(_) => return None,
        };
        let token_type = verification.token_type.as_str();
        let token = verification.token.expose_secret();
        self.replica.entry_name(
            &[token_type.as_bytes(), context.as_bytes()],
            token.as_bytes(),
            verification.call.key,
        )
    }
}

impl OpaqueVerifier {
    /// Finds the answer about a token: of another replica, or of Clerk.
    pub(super) async fn find(
        &self,
        verification: Verification,
        credential: &Credential,
    ) -> Fetched<MachineAuth> {
        let fleet = self.fleet.as_ref().filter(|_| verification.is_shared);
        let name = fleet.and_then(|fleet| fleet.entry_name(&verification, credential));
        match fleet.zip(name) {
            Some((fleet, name)) => {
                let replica = &fleet.replica;
                self.find_for_all(replica, name, verification, credential)
                    .await
            }
            None => self.ask(&verification, credential).await.outcome.into(),
        }
    }

    async fn find_for_all(
        &self,
        replica: &Arc<Replica>,
        name: EntryName,
        mut verification: Verification,
        credential: &Credential,
    ) -> Fetched<MachineAuth> {
        let token_type = verification.token_type;
        let read = |answer: &ClerkAnswer| self.read_shared(token_type, answer);
        let (lead, stale) = match replica.recall(name, verification.deadline, read).await {
            Recall::Known(shared) => return shared.into(),
            Recall::Lead(lead, stale) => (Some(lead), stale),
            Recall::Alone(stale) => (None, stale),
        };
        let stale = stale.and_then(valid);
        if stale.is_some() {
            verification.call.priority = Priority::Revalidation;
        }
        let patience = lead.as_ref().map(|lead| lead.patience);
        verification.call.patience = patience.unwrap_or(Duration::ZERO);
        let answered = self.ask(&verification, credential).await;
        if let Some((lead, answer)) = lead.zip(answered.answer) {
            lead.share(answer, matches!(answered.outcome, Outcome::Valid(_)));
        }
        Fetched {
            outcome: answered.outcome,
            since: None,
            stale,
        }
    }

    /// Reads an answer that was given to another replica as one of our own.
    fn read_shared(&self, token_type: TokenType, shared: &ClerkAnswer) -> Outcome<MachineAuth> {
        let unreadable = || Outcome::Unavailable(Reason::UpstreamAnswer.into());
        let Some(answer) = shared.as_answer() else {
            return unreadable();
        };
        match self.read(token_type, &answer) {
            (ResponseClass::Ok, Ok(auth)) => Outcome::Valid(auth),
            (ResponseClass::Ok | ResponseClass::InvalidToken, Err(reason)) => {
                Outcome::Rejected(reason)
            }
            _ => unreadable(),
        }
    }
}

impl From<Shared<MachineAuth>> for Fetched<MachineAuth> {
    fn from(shared: Shared<MachineAuth>) -> Self {
        Self {
            outcome: shared.outcome,
            since: Some(shared.since),
            stale: None,
        }
    }
}

impl From<Outcome<MachineAuth>> for Answered {
    fn from(outcome: Outcome<MachineAuth>) -> Self {
        Self {
            outcome,
            answer: None,
        }
    }
}

fn valid(shared: Shared<MachineAuth>) -> Option<(MachineAuth, Since)> {
    match shared.outcome {
        Outcome::Valid(auth) => Some((auth, shared.since)),
        Outcome::Rejected(_) | Outcome::Unavailable(_) => None,
    }
}
