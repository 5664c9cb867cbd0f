//! An M2M token as Clerk returns it.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::admin::token_secret::TokenSecret;
use crate::admin::wire;
use crate::id::{M2mTokenId, MachineId};

/// The data that Clerk stores for an M2M token, without the token itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct M2mTokenInfo {
    /// Its identifier.
    pub id: M2mTokenId,
    /// The machine to which the token was issued.
    pub subject: MachineId,
    /// Its custom claims, which the machine chose.
    #[serde(default)]
    pub claims: Option<Value>,
    /// The ids of the machines that it may reach.
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
    /// When it was last used, if Clerk tracks that.
    #[serde(default, with = "wire::time")]
    pub last_used_at: Option<SystemTime>,
    /// When it was created.
    #[serde(default, with = "wire::time")]
    pub created_at: Option<SystemTime>,
    /// When it was last updated.
    #[serde(default, with = "wire::time")]
    pub updated_at: Option<SystemTime>,
}

/// A token that was just created.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CreatedM2mToken {
    /// The data that Clerk stores for it.
    pub info: M2mTokenInfo,
    /// The token itself, which Clerk returns only once.
    pub token: TokenSecret,
}

impl M2mTokenInfo {
    /// Returns `true` if the token may reach this machine.
    #[must_use]
    pub fn can_reach(&self, machine: &MachineId) -> bool {
        self.scopes.iter().any(|scope| scope == machine.as_str())
    }

    /// Returns `true` if the token is neither revoked nor expired.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.revoked && !self.expired
    }
}
