//! Writes identities with the field names of Clerk's own auth object.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{ApiKey, Facts, M2mToken, MachineAuth, OAuthToken, UnixMillis};
use crate::token::TokenType;

impl Serialize for MachineAuth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::M2m(token) => token.serialize(serializer),
            Self::ApiKey(key) => key.serialize(serializer),
            Self::OAuth(token) => token.serialize(serializer),
        }
    }
}

impl Serialize for M2mToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = start(serializer, TokenType::M2m, self.facts(), self.raw_claims())?;
        map.serialize_entry("machineId", self.machine_id())?;
        map.end()
    }
}

impl Serialize for ApiKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = start(
            serializer,
            TokenType::ApiKey,
            self.facts(),
            self.raw_claims(),
        )?;
        map.serialize_entry("name", &self.name())?;
        map.serialize_entry("userId", &self.user_id())?;
        map.serialize_entry("orgId", &self.org_id())?;
        map.end()
    }
}

impl Serialize for OAuthToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = start(
            serializer,
            TokenType::OAuth,
            self.facts(),
            self.raw_claims(),
        )?;
        map.serialize_entry("userId", self.user_id())?;
        map.serialize_entry("orgId", &self.org_id())?;
        map.serialize_entry("clientId", &self.client_id())?;
        // As in Clerk's own object, neither is there where the token has none.
        if !self.audience().is_empty() {
            map.serialize_entry("aud", self.audience())?;
        }
        if let Some(actor) = self.actor() {
            map.serialize_entry("act", actor)?;
        }
        map.end()
    }
}

/// Writes the fields that all three types have.
fn start<S: Serializer>(
    serializer: S,
    token_type: TokenType,
    facts: &Facts,
    claims: Option<&Value>,
) -> Result<S::SerializeMap, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("tokenType", token_type.as_str())?;
    map.serialize_entry("id", &facts.id)?;
    map.serialize_entry("subject", &facts.subject)?;
    map.serialize_entry("scopes", &facts.scopes)?;
    map.serialize_entry("claims", &claims)?;
    map.serialize_entry(
        "expiration",
        &facts.expires_at.map(|UnixMillis(millis)| millis),
    )?;
    Ok(map)
}
