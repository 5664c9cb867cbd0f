//! Creates API keys.

use std::time::Duration;

use serde_json::Value;

use super::issued::{IssuedToken, expiry, seeded};
use crate::testing::emulator::ClerkEmulator;
use crate::testing::ids;
use crate::testing::state::tokens::ApiKeyDetail;

/// Builder for an API key.
#[derive(Debug)]
#[must_use = "call `.create()`"]
pub struct ApiKeyBuilder<'a> {
    emulator: &'a ClerkEmulator,
    subject: String,
    detail: ApiKeyDetail,
    lifetime: Option<Duration>,
}

impl ApiKeyBuilder<'_> {
    /// Sets the name, which must be unique among the subject's keys. Default: a random one.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.detail.name = name.into();
        self
    }

    /// Sets the scopes. Default: none.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.detail.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the custom claims.
    pub fn claims(mut self, claims: Value) -> Self {
        self.detail.claims = claims;
        self
    }

    /// Sets the type. Default: `api_key`.
    pub fn key_type(mut self, key_type: impl Into<String>) -> Self {
        self.detail.key_type = key_type.into();
        self
    }

    /// Sets the lifetime. Default: unlimited.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Creates the key.
    ///
    /// # Panics
    ///
    /// Panics if the subject already has a key of this name.
    #[track_caller]
    pub fn create(self) -> IssuedToken {
        let now = self.emulator.shared.now();
        let expires_at = self.lifetime.map(|lifetime| expiry(lifetime, now));
        let mut state = self.emulator.shared.state();
        let blocks = state.options.revoked_name_blocks;
        let created = state
            .api_keys
            .create(&self.subject, self.detail, expires_at, blocks, now);
        drop(state);
        let key = seeded(created);
        IssuedToken::new(key.id, key.secret)
    }
}

impl ClerkEmulator {
    /// Returns a builder for an API key of a user, an organization or a machine (`user_…`, `org_…`,
    /// `mch_…`).
    pub fn api_key(&self, subject: impl Into<String>) -> ApiKeyBuilder<'_> {
        let detail = ApiKeyDetail {
            key_type: "api_key".to_owned(),
            name: ids::word_secret("key "),
            description: None,
            claims: Value::Null,
            scopes: Vec::new(),
            created_by: None,
        };
        ApiKeyBuilder {
            emulator: self,
            subject: subject.into(),
            detail,
            lifetime: None,
        }
    }
}
