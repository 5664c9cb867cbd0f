//! Clerk's response to a verification of a token: one schema for the verifier and the admin client.

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use crate::identity::{Actor, UnixMillis};
use crate::scope::Scopes;
use crate::token::TokenType;

/// The members that all three token types have.
///
/// Members that a decision needs must be present, and every member must have its type. Members that
/// nothing depends on are left out.
#[derive(Deserialize)]
pub(crate) struct TokenAnswer<'a> {
    object: Box<str>,
    #[serde(default)]
    active: Option<bool>,
    #[serde(deserialize_with = "not_empty")]
    pub(crate) id: Box<str>,
    pub(crate) subject: Box<str>,
    #[serde(default, deserialize_with = "scopes")]
    pub(crate) scopes: Scopes,
    pub(crate) revoked: bool,
    pub(crate) expired: bool,
    /// `None` for a token that does not expire, for which Clerk writes `null`.
    #[serde(deserialize_with = "time_or_null")]
    pub(crate) expiration: Option<UnixMillis>,
    #[serde(borrow, default)]
    created_at: Option<&'a RawValue>,
    /// Stored as text: parsed claims would take up to a hundred times the memory.
    #[serde(borrow, default)]
    pub(crate) claims: Option<&'a RawValue>,
}

/// The additional members of an API key.
#[derive(Deserialize)]
pub(crate) struct ApiKeyAnswer {
    #[serde(rename = "type")]
    pub(crate) key_type: Box<str>,
    #[serde(default)]
    pub(crate) name: Option<Box<str>>,
}

/// The additional members of an OAuth access token.
#[derive(Deserialize)]
pub(crate) struct OAuthAnswer {
    #[serde(default)]
    pub(crate) client_id: Option<Box<str>>,
    #[serde(default)]
    pub(crate) org_id: Option<Box<str>>,
    #[serde(rename = "aud", default, deserialize_with = "one_or_many")]
    pub(crate) audience: Option<Vec<Box<str>>>,
    #[serde(rename = "act", default)]
    pub(crate) actor: Option<Box<Actor>>,
}

/// Returns `true` if the response says that a token is inactive.
///
/// Such a response may have no other member (RFC 7662 §2.2).
pub(crate) fn is_inactive(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Activity {
        active: bool,
    }
    serde_json::from_slice(body).is_ok_and(|it: Activity| !it.active)
}

impl<'a> TokenAnswer<'a> {
    /// Parses the response about a token of this type.
    pub(crate) fn read(token_type: TokenType, body: &'a [u8]) -> serde_json::Result<Self> {
        let answer: Self = serde_json::from_slice(body)?;
        if *answer.object != *object(token_type) || answer.active == Some(false) {
            return Err(de::Error::custom("not an active object of this type"));
        }
        Ok(answer)
    }

    /// Returns when the token was created. Nothing depends on it, so every form is accepted.
    pub(crate) fn created_at(&self) -> Option<UnixMillis> {
        let number = serde_json::from_str(self.created_at?.get()).ok()?;
        UnixMillis::from_clerk(number)
    }
}

pub(crate) const fn object(token_type: TokenType) -> &'static str {
    match token_type {
        TokenType::M2m => "machine_to_machine_token",
        TokenType::ApiKey => "api_key",
        TokenType::OAuth => "clerk_idp_oauth_access_token",
    }
}

fn not_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<str>, D::Error> {
    let text = Box::<str>::deserialize(deserializer)?;
    if text.is_empty() {
        return Err(de::Error::custom("an empty text"));
    }
    Ok(text)
}

fn scopes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scopes, D::Error> {
    Vec::<Box<str>>::deserialize(deserializer).map(Scopes::from_iter)
}

fn time_or_null<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<UnixMillis>, D::Error> {
    let Some(number) = Option::<f64>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let time = UnixMillis::from_clerk(number);
    time.map(Some)
        .ok_or_else(|| de::Error::custom("not a time"))
}

/// Deserializes a string or a list of strings (RFC 7519 §4.1.3).
fn one_or_many<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Box<str>>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Texts {
        One(Box<str>),
        Many(Vec<Box<str>>),
    }
    let texts = Option::<Texts>::deserialize(deserializer)?;
    Ok(texts.map(|texts| match texts {
        Texts::One(text) => vec![text],
        Texts::Many(texts) => texts,
    }))
}
