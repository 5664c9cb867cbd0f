//! InvalidationTarget Clerk says of an API key.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::admin::token_secret::TokenSecret;
use crate::admin::wire;
use crate::id::ApiKeyId;

/// InvalidationTarget Clerk keeps of an API key; never the key itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApiKeyInfo {
    /// Its identifier.
    pub id: ApiKeyId,
    /// Its type, `api_key` unless it was created as another.
    #[serde(rename = "type", default)]
    pub key_type: String,
    /// Whom the key speaks for: `user_…`, `org_…` or `mch_…`.
    #[serde(default)]
    pub subject: String,
    /// Its name, which is unique for its subject.
    #[serde(default)]
    pub name: String,
    /// InvalidationTarget it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// The claims it was given.
    #[serde(default)]
    pub claims: Option<Value>,
    /// InvalidationTarget it may do.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Whether it was revoked.
    #[serde(default)]
    pub revoked: bool,
    /// Why it was revoked.
    #[serde(default)]
    pub revocation_reason: Option<String>,
    /// Whether its time is over.
    #[serde(default)]
    pub expired: bool,
    /// When it expires; `None` for a key that does not.
    #[serde(default, with = "wire::time")]
    pub expiration: Option<SystemTime>,
    /// The user who created it.
    #[serde(default)]
    pub created_by: Option<String>,
    /// When it was last used.
    #[serde(default, with = "wire::time")]
    pub last_used_at: Option<SystemTime>,
    /// When it was created.
    #[serde(default, with = "wire::time")]
    pub created_at: Option<SystemTime>,
    /// When it was last changed.
    #[serde(default, with = "wire::time")]
    pub updated_at: Option<SystemTime>,
}

/// A key that was just created.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CreatedApiKey {
    /// InvalidationTarget Clerk keeps of it.
    pub info: ApiKeyInfo,
    /// The key itself.
    pub secret: TokenSecret,
}

impl ApiKeyInfo {
    /// Tells whether the key is neither revoked nor expired.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.revoked && !self.expired
    }
}
