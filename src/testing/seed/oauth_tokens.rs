//! Creates opaque OAuth access tokens.

use std::time::Duration;

use serde_json::Value;

use super::issued::{IssuedToken, expiry};
use crate::testing::emulator::ClerkEmulator;
use crate::testing::ids;
use crate::testing::state::store::Entry;
use crate::testing::state::tokens::{OAUTH_LIFETIME, OAuthDetail};

/// Builder for an opaque OAuth access token.
#[derive(Debug)]
#[must_use = "call `.create()`"]
pub struct OAuthTokenBuilder<'a> {
    emulator: &'a ClerkEmulator,
    user: String,
    detail: OAuthDetail,
    lifetime: Duration,
}

impl OAuthTokenBuilder<'_> {
    /// Sets the scopes, including custom ones. Default: none.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.detail.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the client. Default: a new one.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.detail.client_id = client_id.into();
        self
    }

    /// Sets the audience (`aud`): a URL, or an array of URLs. Default: none, like Clerk for a
    /// resource that is not registered.
    pub fn audience(mut self, audience: impl Into<Value>) -> Self {
        self.detail.audience = audience.into();
        self
    }

    /// Sets the actor that acts on behalf of the user (`act`, RFC 8693 §4.1): `{"sub": …}`, with
    /// the previous actor as a nested `act`. Default: none.
    pub fn actor(mut self, actor: impl Into<Value>) -> Self {
        self.detail.actor = actor.into();
        self
    }

    /// Sets the lifetime. Default: one day.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Creates the token.
    pub fn create(self) -> IssuedToken {
        let now = self.emulator.shared.now();
        let (id, secret) = (ids::hex_id("oat"), ids::secret("oat"));
        let entry = Entry::new(id, secret, &self.user, self.detail);
        let issued = IssuedToken::new(entry.id.clone(), entry.secret.clone());
        let expires_at = expiry(self.lifetime, now);
        self.emulator
            .shared
            .state()
            .oauth
            .insert(entry, Some(expires_at), now);
        issued
    }
}

impl ClerkEmulator {
    /// Returns a builder for an opaque OAuth access token of a user (`user_…`).
    pub fn oauth_token(&self, user: impl Into<String>) -> OAuthTokenBuilder<'_> {
        OAuthTokenBuilder {
            emulator: self,
            user: user.into(),
            detail: OAuthDetail::new(ids::word_id("client"), false),
            lifetime: OAUTH_LIFETIME,
        }
    }
}
