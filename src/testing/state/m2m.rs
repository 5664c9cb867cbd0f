//! Opaque M2M tokens: what they may reach is fixed when they are minted.

use serde_json::Value;

use super::vault::{Entry, Vault};
use crate::testing::ids;

/// What an M2M token adds to a credential.
#[derive(Clone)]
pub(in crate::testing) struct M2mDetail {
    pub(in crate::testing) claims: Value,
    pub(in crate::testing) scopes: Vec<String>,
}

/// All opaque M2M tokens of the instance.
#[derive(Default)]
pub(in crate::testing) struct M2mTokens {
    pub(in crate::testing) vault: Vault<M2mDetail>,
}

impl M2mTokens {
    pub(in crate::testing) fn create(
        &mut self,
        machine: &str,
        detail: M2mDetail,
        expires_at: Option<u64>,
        now: u64,
    ) -> Entry<M2mDetail> {
        let mut entry = Entry::new(ids::hex_id("mt"), ids::secret("mt"), machine, detail);
        entry.expires_at = expires_at;
        entry.created_at = now;
        entry.updated_at = now;
        self.vault.insert(entry.clone(), now);
        entry
    }

    /// A live token of the machine with the same claims and scopes that lives `remaining` more
    /// milliseconds at least.
    pub(in crate::testing) fn reusable(
        &self,
        machine: &str,
        detail: &M2mDetail,
        remaining: u64,
        now: u64,
    ) -> Option<Entry<M2mDetail>> {
        let lives = |at: Option<u64>| at.is_none_or(|at| at >= now.saturating_add(remaining));
        let same = |entry: &&Entry<M2mDetail>| {
            entry.live(now)
                && lives(entry.expires_at)
                && entry.detail.claims == detail.claims
                && entry.detail.scopes == detail.scopes
        };
        self.vault.of_subject(machine).find(same).cloned()
    }

    /// Kills every token of a machine.
    pub(in crate::testing) fn forget_machine(&mut self, machine: &str) {
        let ids: Vec<_> = self
            .vault
            .of_subject(machine)
            .map(|entry| entry.id.clone())
            .collect();
        for id in ids {
            self.vault.remove(&id);
        }
    }
}
