//! Changing an API key.

use std::time::Duration;

use http::Method;
use serde::Serialize;
use serde_json::Value;

use super::model::ApiKeyInfo;
use crate::admin::client::AdminClient;
use crate::admin::input::{self, Lifetime, SUBJECTS};
use crate::backend::AdminError;
use crate::id::ApiKeyId;

/// A request to change a key; see [`ApiKeys::update`](super::ApiKeys::update).
///
/// A key's name cannot be changed.
#[derive(Debug, Clone)]
#[must_use = "nothing is sent before `send` is called"]
pub struct UpdateApiKey {
    client: AdminClient,
    id: ApiKeyId,
    body: Body,
    claims: Option<Result<Value, AdminError>>,
    lifetime: Lifetime,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<String>>,
    /// `Some(None)` removes the description.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_until_expiration: Option<Value>,
}

impl UpdateApiKey {
    pub(super) fn new(client: &AdminClient, id: &ApiKeyId) -> Self {
        Self {
            client: client.clone(),
            id: id.clone(),
            body: Body::default(),
            claims: None,
            lifetime: Lifetime::Default,
        }
    }

    /// Replaces the custom claims; `()` removes them.
    pub fn claims(mut self, claims: impl Serialize) -> Self {
        self.claims = Some(input::claims(claims));
        self
    }

    /// Replaces the scopes of the key.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.body.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Replaces the description (at most 255 characters); `None` removes it.
    pub fn description(mut self, text: Option<String>) -> Self {
        self.body.description = Some(text);
        self
    }

    /// Replaces the subject of the key.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.body.subject = Some(subject.into());
        self
    }

    /// Sets the time until the key expires, from now.
    pub const fn expires_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = Lifetime::Of(lifetime);
        self
    }

    /// Removes the expiry of the key.
    pub const fn without_expiry(mut self) -> Self {
        self.lifetime = Lifetime::Unlimited;
        self
    }

    /// Changes the key, and invalidates cached verdicts on it in this process.
    ///
    /// # Errors
    ///
    /// Fails without a call if the subject, description or lifetime is out of bounds, and otherwise
    /// as described in [`AdminErrorKind`](crate::AdminErrorKind). [`AdminError::is_not_found`]
    /// returns `true` if there is no such key.
    pub async fn send(mut self) -> Result<ApiKeyInfo, AdminError> {
        self.body.claims = self.claims.take().transpose()?;
        self.body.seconds_until_expiration = self.lifetime.seconds()?;
        self.body.check()?;
        let eviction = self.client.invalidate_id(self.id.as_str());
        let path = [super::API_KEYS, self.id.as_str()];
        let call = self.client.write(Method::PATCH, &path).json(&self.body)?;
        eviction.after(call.send(&self.client).await)
    }
}

impl Body {
    fn check(&self) -> Result<(), AdminError> {
        let description = self.description.as_ref().and_then(Option::as_deref);
        input::optional(description, input::description)?;
        let subject = |id: &str| input::key_subject("subject", id, &SUBJECTS);
        input::optional(self.subject.as_deref(), subject)?;
        Ok(())
    }
}
