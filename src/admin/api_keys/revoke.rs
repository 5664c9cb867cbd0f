//! Revoking an API key.

use http::Method;

use super::model::ApiKeyInfo;
use crate::admin::client::AdminClient;
use crate::admin::wire::Revocation;
use crate::backend::AdminError;
use crate::id::ApiKeyId;

/// A request to revoke a key; see [`ApiKeys::revoke`](super::ApiKeys::revoke).
#[derive(Debug, Clone)]
#[must_use = "nothing is sent before `send` is called"]
pub struct RevokeApiKey {
    client: AdminClient,
    id: ApiKeyId,
    revocation: Revocation,
}

impl RevokeApiKey {
    pub(super) fn new(client: &AdminClient, id: &ApiKeyId) -> Self {
        Self {
            client: client.clone(),
            id: id.clone(),
            revocation: Revocation::default(),
        }
    }

    /// Sets the reason, which Clerk stores with the key.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.revocation.revocation_reason = Some(reason.into());
        self
    }

    /// Revokes the key.
    ///
    /// Cached verdicts on the key are invalidated in this process, even if the response is lost.
    /// Other processes keep a verdict until it is no longer fresh.
    ///
    /// # Errors
    ///
    /// Fails as described in [`AdminErrorKind`](crate::AdminErrorKind).
    /// [`AdminError::is_not_found`] returns `true` if there is no such key.
    pub async fn send(self) -> Result<ApiKeyInfo, AdminError> {
        let eviction = self.client.invalidate_id(self.id.as_str());
        let path = [super::API_KEYS, self.id.as_str(), "revoke"];
        let call = self
            .client
            .write(Method::POST, &path)
            .json(&self.revocation)?;
        eviction.after(call.send(&self.client).await)
    }
}
