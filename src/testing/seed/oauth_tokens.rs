//! Seeding opaque OAuth access tokens.

use std::time::Duration;

use super::issued::{IssuedToken, expiry};
use crate::testing::emulator::ClerkEmulator;
use crate::testing::ids;
use crate::testing::state::store::Entry;
use crate::testing::state::tokens::OAuthDetail;

/// One day: Clerk lets nobody change it.
pub(super) const LIFETIME: Duration = Duration::from_secs(86_400);

/// An opaque OAuth access token to be created.
#[derive(Debug)]
#[must_use = "call `.create()`"]
pub struct OAuthTokenBuilder<'a> {
    emulator: &'a ClerkEmulator,
    user: String,
    client_id: String,
    scopes: Vec<String>,
    lifetime: Duration,
}

impl OAuthTokenBuilder<'_> {
    /// Sets the scopes. Default: none.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the client that the user allowed. Default: a new one.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// Sets how long it lives. Default: one day.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Creates it.
    pub fn create(self) -> IssuedToken {
        let now = self.emulator.shared.now();
        let detail = OAuthDetail {
            client_id: self.client_id,
            scopes: self.scopes,
            jwt: false,
        };
        let entry = Entry::new(ids::hex_id("oat"), ids::secret("oat"), &self.user, detail);
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
    /// Begins an opaque OAuth access token of a user (`user_…`).
    pub fn oauth_token(&self, user: impl Into<String>) -> OAuthTokenBuilder<'_> {
        OAuthTokenBuilder {
            emulator: self,
            user: user.into(),
            client_id: ids::word_id("client"),
            scopes: Vec::new(),
            lifetime: LIFETIME,
        }
    }
}
