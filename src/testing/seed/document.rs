//! The JSON schema of seed documents, which are used by seed files and the console's API.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// The contents of a seed file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::testing) struct Document {
    /// Additional secret keys of the instance, so that a service can be configured in advance.
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

/// A list of objects. serde also accepts a list instead of an object, which is rejected here.
fn objects<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let objects = Vec::<Map<String, Value>>::deserialize(deserializer)?.into_iter();
    let read = |object| serde_json::from_value(Value::Object(object)).map_err(D::Error::custom);
    objects.map(read).collect()
}

/// A machine to create.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::testing) struct NewMachine {
    pub(in crate::testing) name: String,
    #[serde(default)]
    pub(in crate::testing) id: Option<String>,
    #[serde(default)]
    pub(in crate::testing) secret_key: Option<String>,
    /// The machines that it may reach, by id or name.
    #[serde(default)]
    pub(in crate::testing) scoped_to: Vec<String>,
    #[serde(default)]
    pub(in crate::testing) default_token_ttl: Option<u64>,
}

/// An M2M token to create.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::testing) struct NewM2mToken {
    /// The sending machine, by id or name.
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

/// An API key to create.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::testing) struct NewApiKey {
    /// Its subject; a new user by default.
    pub(in crate::testing) subject: Option<String>,
    pub(in crate::testing) name: Option<String>,
    pub(in crate::testing) description: Option<String>,
    pub(in crate::testing) scopes: Vec<String>,
    pub(in crate::testing) claims: Value,
    pub(in crate::testing) lifetime_seconds: Lifetime,
    pub(in crate::testing) variable: Option<String>,
}

/// An OAuth access token to issue.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::testing) struct NewOAuthToken {
    /// The user; a new one by default.
    pub(in crate::testing) subject: Option<String>,
    pub(in crate::testing) client_id: Option<String>,
    pub(in crate::testing) scopes: Vec<String>,
    pub(in crate::testing) audience: Vec<String>,
    pub(in crate::testing) format: Format,
    pub(in crate::testing) lifetime_seconds: Lifetime,
    pub(in crate::testing) variable: Option<String>,
}

/// A client of the authorization server to register.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::testing) struct NewOAuthClient {
    pub(in crate::testing) redirect_uris: Vec<String>,
    #[serde(default)]
    pub(in crate::testing) confidential: bool,
}

/// The format of a token; opaque by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::testing) enum Format {
    #[default]
    Opaque,
    Jwt,
}

/// The lifetime of a token; `null` means unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::testing) enum Lifetime {
    /// The member is absent.
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
