//! OAuth access tokens. The instance knows its JWTs as well, so that one can be revoked.

use super::vault::{Entry, Vault};

/// What an OAuth access token adds to a credential.
#[derive(Clone)]
pub(in crate::testing) struct OAuthDetail {
    pub(in crate::testing) client_id: String,
    pub(in crate::testing) scopes: Vec<String>,
    /// An expired JWT is answered by `{"active": false}`.
    pub(in crate::testing) jwt: bool,
}

/// All OAuth access tokens of the instance.
#[derive(Default)]
pub(in crate::testing) struct OAuthTokens {
    pub(in crate::testing) vault: Vault<OAuthDetail>,
}

impl OAuthTokens {
    pub(in crate::testing) fn insert(
        &mut self,
        mut entry: Entry<OAuthDetail>,
        expires_at: Option<u64>,
        now: u64,
    ) {
        entry.expires_at = expires_at;
        self.vault.insert(entry, now);
    }
}
