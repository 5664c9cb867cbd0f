//! What can be seeded, as JSON says it: the members of a seed file and of the console's API.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Everything that a seed file may hold.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::testing) struct Document {
    /// More secret keys of the instance, so that a service can be configured beforehand.
    pub(in crate::testing) secret_keys: Vec<String>,
    #[serde(deserialize_with = "objects")]
    pub(in crate::testing) machines: Vec<NewMachine>,
    #[serde(deserialize_with = "objects")]
    pub(in crate::testing) m2m_tokens: Vec<NewM2mToken>,
    #[serde(deserialize_with = "objects")]
    pub(in crate::testing) api_keys: Vec<NewApiKey>,
    #[serde(deserialize_with = "objects")]
    pub(in crate::testing) oauth_tokens: Vec<NewOAuthToken>,
    #[serde(deserialize_with = "objects")]
    pub(in crate::testing) oauth_clients: Vec<NewOAuthClient>,
    pub(in crate::testing) signed_in_as: Option<String>,
}

/// A list of objects; serde takes a list for an object as well, member by member.
fn objects<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let objects = Vec::<Map<String, Value>>::deserialize(deserializer)?.into_iter();
    let read = |object| serde_json::from_value(Value::Object(object)).map_err(D::Error::custom);
    objects.map(read).collect()
}

/// A machine to be created.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::testing) struct NewMachine {
    pub(in crate::testing) name: String,
    #[serde(default)]
    pub(in crate::testing) id: Option<String>,
    #[serde(default)]
    pub(in crate::testing) secret_key: Option<String>,
    /// The machines that it may reach, by id or by name.
    #[serde(default)]
    pub(in crate::testing) scoped_to: Vec<String>,
    #[serde(default)]
    pub(in crate::testing) default_token_ttl: Option<u64>,
}

/// An M2M token to be minted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::testing) struct NewM2mToken {
    /// The machine that sends it, by id or by name.
    pub(in crate::testing) machine: String,
    #[serde(default)]
    pub(in crate::testing) format: Format,
    #[serde(default)]
    pub(in crate::testing) lifetime_seconds: Lifetime,
    #[serde(default)]
    pub(in crate::testing) claims: Value,
    #[serde(default)]
    pub(in crate::testing) variable: Option<String>,
}

/// An API key to be created.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::testing) struct NewApiKey {
    /// Its owner; a new user unless it is given.
    pub(in crate::testing) subject: Option<String>,
    pub(in crate::testing) name: Option<String>,
    pub(in crate::testing) description: Option<String>,
    pub(in crate::testing) scopes: Vec<String>,
    pub(in crate::testing) claims: Value,
    pub(in crate::testing) lifetime_seconds: Lifetime,
    pub(in crate::testing) variable: Option<String>,
}

/// An OAuth access token to be issued.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::testing) struct NewOAuthToken {
    /// The user; a new one unless it is given.
    pub(in crate::testing) subject: Option<String>,
    pub(in crate::testing) client_id: Option<String>,
    pub(in crate::testing) scopes: Vec<String>,
    pub(in crate::testing) audience: Vec<String>,
    pub(in crate::testing) format: Format,
    pub(in crate::testing) lifetime_seconds: Lifetime,
    pub(in crate::testing) variable: Option<String>,
}

/// A client of the authorization server to be registered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::testing) struct NewOAuthClient {
    pub(in crate::testing) redirect_uris: Vec<String>,
    #[serde(default)]
    pub(in crate::testing) confidential: bool,
}

/// The format of a token; opaque unless it is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::testing) enum Format {
    #[default]
    Opaque,
    Jwt,
}

/// How long a token lives: `null` is for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::testing) enum Lifetime {
    /// The member is not there.
    #[default]
    Usual,
    Endless,
    Seconds(u64),
}

impl<'de> Deserialize<'de> for Lifetime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = Option::<u64>::deserialize(deserializer)?;
        Ok(seconds.map_or(Self::Endless, Self::Seconds))
    }
}
