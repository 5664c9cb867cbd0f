//! InvalidationTarget Clerk says of an M2M token.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::admin::token_secret::TokenSecret;
use crate::admin::wire;
use crate::id::{M2mTokenId, MachineId};

/// InvalidationTarget Clerk keeps of an M2M token; never the token itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct M2mTokenInfo {
    /// Its identifier.
    pub id: M2mTokenId,
    /// The machine that the token speaks for.
    pub subject: MachineId,
    /// The claims that the machine gave it.
    #[serde(default)]
    pub claims: Option<Value>,
    /// The identifiers of the machines that it may reach.
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
    /// When it expires; `None` for a token that does not.
    #[serde(default, with = "wire::time")]
    pub expiration: Option<SystemTime>,
    /// When it was last used, where Clerk keeps track of that.
    #[serde(default, with = "wire::time")]
    pub last_used_at: Option<SystemTime>,
    /// When it was created.
    #[serde(default, with = "wire::time")]
    pub created_at: Option<SystemTime>,
    /// When it was last changed.
    #[serde(default, with = "wire::time")]
    pub updated_at: Option<SystemTime>,
}

/// A token that was just created.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CreatedM2mToken {
    /// InvalidationTarget Clerk keeps of it.
    pub info: M2mTokenInfo,
    /// The token itself, which Clerk shows only once.
    pub token: TokenSecret,
}

impl M2mTokenInfo {
    /// Tells whether the token may reach this machine.
    #[must_use]
    pub fn can_reach(&self, machine: &MachineId) -> bool {
        self.scopes.iter().any(|scope| scope == machine.as_str())
    }

    /// Tells whether the token is neither revoked nor expired.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.revoked && !self.expired
    }
}
