//! API keys: long-lived credentials of a user, an organisation or a machine.

use serde_json::Value;

use super::vault::{Entry, Vault};
use crate::testing::ids;
use crate::testing::refusal::Refusal;

/// What an API key adds to a credential.
#[derive(Debug, Clone)]
pub(in crate::testing) struct ApiKeyDetail {
    pub(in crate::testing) key_type: String,
    pub(in crate::testing) name: String,
    pub(in crate::testing) description: Option<String>,
    pub(in crate::testing) claims: Value,
    pub(in crate::testing) scopes: Vec<String>,
    pub(in crate::testing) created_by: Option<String>,
}

/// All API keys of the instance.
#[derive(Default)]
pub(in crate::testing) struct ApiKeys {
    pub(in crate::testing) vault: Vault<ApiKeyDetail>,
}

impl ApiKeys {
    /// Creates a key; its name must be new among the subject's.
    pub(in crate::testing) fn create(
        &mut self,
        subject: &str,
        detail: ApiKeyDetail,
        expires_at: Option<u64>,
        revoked_blocks: bool,
        now: u64,
    ) -> Result<Entry<ApiKeyDetail>, Refusal> {
        if self.name_taken(subject, &detail.name, revoked_blocks) {
            return Err(Refusal::name_conflict(&detail.name));
        }
        let mut entry = Entry::new(ids::hex_id("ak"), ids::secret("ak"), subject, detail);
        entry.expires_at = expires_at;
        entry.created_at = now;
        entry.updated_at = now;
        self.vault.insert(entry.clone(), now);
        Ok(entry)
    }

    pub(in crate::testing) fn name_taken(&self, subject: &str, name: &str, revoked: bool) -> bool {
        let blocks = |key: &Entry<ApiKeyDetail>| revoked || !key.revoked;
        self.vault
            .of_subject(subject)
            .any(|key| key.detail.name == name && blocks(key))
    }
}
