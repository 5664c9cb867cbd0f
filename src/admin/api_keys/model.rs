//! An API key as Clerk returns it.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::admin::token_secret::TokenSecret;
use crate::admin::wire;
use crate::id::ApiKeyId;

/// The data that Clerk stores for an API key, without the key itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ApiKeyInfo {
    /// Its identifier.
    pub id: ApiKeyId,
    /// Its type; `api_key` unless another one was set on creation.
    #[serde(rename = "type", default)]
    pub key_type: String,
    /// The subject on whose behalf the key acts: `user_…`, `org_…`, `mch_…` or `scim_…`.
    #[serde(default)]
    pub subject: String,
    /// Its name, which is unique per subject.
    #[serde(default)]
    pub name: String,
    /// Its description.
    #[serde(default)]
    pub description: Option<String>,
    /// Its custom claims.
    #[serde(default)]
    pub claims: Option<Value>,
    /// Its scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Whether it was revoked.
    #[serde(default)]
    pub revoked: bool,
    /// Why it was revoked.
    #[serde(default)]
    pub revocation_reason: Option<String>,
    /// Whether it has expired.
    #[serde(default)]
    pub expired: bool,
    /// When it expires; `None` if it does not.
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
    /// When it was last updated.
    #[serde(default, with = "wire::time")]
    pub updated_at: Option<SystemTime>,
}

/// A key that was just created.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CreatedApiKey {
    /// The data that Clerk stores for it.
    pub info: ApiKeyInfo,
    /// The key itself.
    pub secret: TokenSecret,
}

impl ApiKeyInfo {
    /// Returns `true` if the key is neither revoked nor expired.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.revoked && !self.expired
    }
}
