//! Revoking an M2M token.

use http::Method;

use super::model::M2mTokenInfo;
use super::{M2M_TOKENS, secret_methods};
use crate::admin::client::AdminClient;
use crate::admin::wire::Revocation;
use crate::backend::AdminError;
use crate::credential::SecretChoice;
use crate::id::M2mTokenId;
use crate::secret::MachineSecretKey;

/// A request to revoke a token; see [`M2mTokens::revoke`](super::M2mTokens::revoke).
#[derive(Debug, Clone)]
#[must_use = "nothing is sent before `send` is called"]
pub struct RevokeM2mToken {
    client: AdminClient,
    secret: SecretChoice,
    id: M2mTokenId,
    revocation: Revocation,
}

impl RevokeM2mToken {
    pub(super) fn new(client: &AdminClient, id: &M2mTokenId) -> Self {
        Self {
            client: client.clone(),
            secret: SecretChoice::InstanceElseMachine,
            id: id.clone(),
            revocation: Revocation::default(),
        }
    }

    /// Sets the reason, which Clerk stores with the token.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.revocation.revocation_reason = Some(reason.into());
        self
    }

    secret_methods!();

    /// Revokes the token.
    ///
    /// Cached verdicts on the token are invalidated in this process, even if the response is lost.
    /// Other processes keep a verdict until it is no longer fresh.
    ///
    /// # Errors
    ///
    /// Fails as described in [`AdminErrorKind`](crate::AdminErrorKind).
    /// [`AdminError::is_not_found`] returns `true` if there is no such token.
    pub async fn send(self) -> Result<M2mTokenInfo, AdminError> {
        let eviction = self.client.invalidate_id(self.id.as_str());
        let path = [M2M_TOKENS, self.id.as_str(), "revoke"];
        let call = self
            .client
            .write(Method::POST, &path)
            .json(&self.revocation)?;
        eviction.after(call.secret(self.secret).send(&self.client).await)
    }
}
