//! The token types in the store: M2M tokens, API keys, OAuth access tokens.

use std::time::Duration;

use serde_json::Value;

use super::store::{Entry, Store};
use crate::testing::ids;
use crate::testing::refusal::Refusal;

/// The fields of an M2M token; the machines that it may reach are fixed when it is created.
#[derive(Clone)]
pub(in crate::testing) struct M2mDetail {
    pub(in crate::testing) claims: Value,
    pub(in crate::testing) scopes: Vec<String>,
}

/// All opaque M2M tokens of the instance.
#[derive(Clone, Default)]
pub(in crate::testing) struct M2mTokens {
    pub(in crate::testing) store: Store<M2mDetail>,
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
        self.store.insert(entry.clone(), now);
        entry
    }

    /// A valid token of the machine with the same claims and scopes and a remaining lifetime of at
    /// least `remaining` milliseconds.
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
        self.store.of_subject(machine).find(same).cloned()
    }

    /// Removes every token of a machine.
    pub(in crate::testing) fn remove_machine(&mut self, machine: &str) {
        let ids: Vec<_> = self
            .store
            .of_subject(machine)
            .map(|entry| entry.id.clone())
            .collect();
        for id in ids {
            self.store.remove(&id);
        }
    }
}

/// The fields of an API key.
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
#[derive(Clone, Default)]
pub(in crate::testing) struct ApiKeys {
    pub(in crate::testing) store: Store<ApiKeyDetail>,
}

impl ApiKeys {
    /// Creates a key; its name must be unique among the subject's keys.
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
        self.store.insert(entry.clone(), now);
        Ok(entry)
    }

    pub(in crate::testing) fn name_taken(&self, subject: &str, name: &str, revoked: bool) -> bool {
        let blocks = |key: &Entry<ApiKeyDetail>| revoked || !key.revoked;
        self.store
            .of_subject(subject)
            .any(|key| key.detail.name == name && blocks(key))
    }
}

/// The lifetime of an OAuth access token: one day, which cannot be changed in Clerk.
pub(in crate::testing) const OAUTH_LIFETIME: Duration = Duration::from_secs(86_400);

/// The fields of an OAuth access token. JWTs are stored, too, so that they can be revoked.
#[derive(Debug, Clone)]
pub(in crate::testing) struct OAuthDetail {
    pub(in crate::testing) client_id: String,
    pub(in crate::testing) scopes: Vec<String>,
    /// The `aud` claim: text, a list of texts, or `Null` for none.
    pub(in crate::testing) audience: Value,
    /// The `act` claim of RFC 8693, or `Null` for none.
    pub(in crate::testing) actor: Value,
    /// Whether it is a JWT; the response for an expired one is `{"active": false}`.
    pub(in crate::testing) jwt: bool,
}

impl OAuthDetail {
    /// A token of this client without scopes.
    pub(in crate::testing) fn new(client_id: String, jwt: bool) -> Self {
        Self {
            client_id,
            scopes: Vec::new(),
            audience: Value::Null,
            actor: Value::Null,
            jwt,
        }
    }
}

/// All OAuth access tokens of the instance.
#[derive(Clone, Default)]
pub(in crate::testing) struct OAuthTokens {
    pub(in crate::testing) store: Store<OAuthDetail>,
}

impl OAuthTokens {
    pub(in crate::testing) fn insert(
        &mut self,
        mut entry: Entry<OAuthDetail>,
        expires_at: Option<u64>,
        now: u64,
    ) {
        entry.expires_at = expires_at;
        self.store.insert(entry, now);
    }
}
