//! Creating an API key.

use std::time::Duration;

use http::Method;
use serde::Serialize;
use serde_json::Value;

use super::Secret;
use super::model::CreatedApiKey;
use crate::admin::client::AdminClient;
use crate::admin::input::{self, Lifetime, SUBJECTS};
use crate::backend::AdminError;

/// A request for a key; see [`ApiKeys::create`](super::ApiKeys::create).
#[derive(Debug, Clone)]
#[must_use = "nothing is sent before `send` is called"]
pub struct CreateApiKey {
    client: AdminClient,
    body: Body,
    claims: Option<Result<Value, AdminError>>,
    lifetime: Lifetime,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Body {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    key_type: Option<String>,
    name: String,
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_until_expiration: Option<Value>,
}

impl CreateApiKey {
    pub(super) fn new(client: &AdminClient, name: String, subject: String) -> Self {
        Self {
            client: client.clone(),
            body: Body {
                name,
                subject,
                ..Body::default()
            },
            claims: None,
            lifetime: Lifetime::Default,
        }
    }

    /// Sets the type of the key (3 to 25 characters); `api_key` by default.
    ///
    /// The authenticator only accepts keys of the type `api_key`.
    pub fn key_type(mut self, key_type: impl Into<String>) -> Self {
        self.body.key_type = Some(key_type.into());
        self
    }

    /// Sets the description of the key (at most 255 characters).
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.body.description = Some(text.into());
        self
    }

    /// Sets custom claims of the key.
    pub fn claims(mut self, claims: impl Serialize) -> Self {
        self.claims = Some(input::claims(claims));
        self
    }

    /// Adds scopes to the key.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.body.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Sets the user who creates the key (`user_…`).
    pub fn created_by(mut self, user: impl Into<String>) -> Self {
        self.body.created_by = Some(user.into());
        self
    }

    /// Sets the lifetime; Clerk's default applies otherwise.
    pub const fn expires_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = Lifetime::Of(lifetime);
        self
    }

    /// Creates a key that does not expire.
    pub const fn without_expiry(mut self) -> Self {
        self.lifetime = Lifetime::Unlimited;
        self
    }

    /// Creates the key.
    ///
    /// The call is not repeated if the response is lost. Before you repeat it, check whether the
    /// key exists.
    ///
    /// # Errors
    ///
    /// Fails without a call if the name, subject, type, description, user or lifetime is out of
    /// bounds, and otherwise as described in [`AdminErrorKind`](crate::AdminErrorKind).
    /// [`AdminError::is_name_conflict`] returns `true` if the subject already has a key of this
    /// name, even a revoked one.
    pub async fn send(mut self) -> Result<CreatedApiKey, AdminError> {
        self.body.claims = self.claims.take().transpose()?;
        self.body.seconds_until_expiration = self.lifetime.seconds()?;
        self.body.check()?;
        let call = self.client.write(Method::POST, &[super::API_KEYS]);
        let answer = call.json(&self.body)?.send_raw(&self.client).await?;
        let Secret { secret } = serde_json::from_slice(&answer).map_err(AdminError::decode)?;
        let info = serde_json::from_slice(&answer).map_err(AdminError::decode)?;
        Ok(CreatedApiKey { info, secret })
    }
}

impl Body {
    fn check(&self) -> Result<(), AdminError> {
        input::key_name(&self.name)?;
        input::key_subject("subject", &self.subject, &SUBJECTS)?;
        input::optional(self.key_type.as_deref(), input::key_type)?;
        input::optional(self.description.as_deref(), input::description)?;
        let user = |id: &str| input::key_subject("created_by", id, &["user_"]);
        input::optional(self.created_by.as_deref(), user)?;
        Ok(())
    }
}
