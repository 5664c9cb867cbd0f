//! In-process access to the authorization server: the user, clients and sessions.

use std::fmt;

use crate::testing::emulator::ClerkEmulator;
use crate::testing::routes::{DEFAULT_SCOPES, is_redirect_uri};

/// A client of the authorization server. Its `Debug` hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct EmulatedOAuthClient {
    client_id: String,
    client_secret: Option<String>,
}

impl EmulatedOAuthClient {
    /// Returns the client id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the client secret; `None` for a public client.
    pub fn client_secret(&self) -> Option<&str> {
        self.client_secret.as_deref()
    }
}

impl fmt::Debug for EmulatedOAuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatedOAuthClient")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// Builder for a client of the authorization server.
#[derive(Debug)]
#[must_use = "call `.create()`"]
pub struct OAuthClientBuilder<'a> {
    emulator: &'a ClerkEmulator,
    redirect_uri: String,
    more: Vec<String>,
    confidential: bool,
}

impl OAuthClientBuilder<'_> {
    /// Adds a redirect URI.
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.more.push(uri.into());
        self
    }

    /// Creates a confidential client, which has a secret. Default: a public client, which only uses
    /// PKCE.
    pub fn confidential(mut self) -> Self {
        self.confidential = true;
        self
    }

    /// Creates the client.
    ///
    /// # Panics
    ///
    /// Panics if a redirect URI is neither `https`, nor `http` on the loopback interface, nor has a
    /// private-use scheme.
    #[track_caller]
    pub fn create(self) -> EmulatedOAuthClient {
        let mut uris = vec![self.redirect_uri];
        uris.extend(self.more);
        for uri in &uris {
            assert!(is_redirect_uri(uri), "the emulator refuses: {uri}");
        }
        let scopes = DEFAULT_SCOPES.map(str::to_owned).to_vec();
        let mut state = self.emulator.shared.state();
        let client = state
            .authorization
            .register(uris, scopes, self.confidential);
        EmulatedOAuthClient {
            client_id: client.id,
            client_secret: client.secret,
        }
    }
}

/// A user's grant to a client, and the access tokens that were issued for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OAuthSession {
    /// Its id, for [`ClerkEmulator::revoke`].
    pub id: String,
    /// The user.
    pub user_id: String,
    /// The client.
    pub client_id: String,
    /// The scopes that were granted.
    pub scopes: Vec<String>,
    /// The resources (RFC 8707) for which its tokens are issued.
    pub resources: Vec<String>,
    /// The ids of its access tokens (`oat_…`), oldest first.
    pub token_ids: Vec<String>,
    /// Whether it was revoked: by a test, by its client, or because one of its codes or refresh
    /// tokens was used twice.
    pub revoked: bool,
}

impl ClerkEmulator {
    /// Sets the signed-in user for requests to `/oauth/authorize`.
    pub fn sign_in_as(&self, user: impl Into<String>) {
        self.shared.state().authorization.user = user.into();
    }

    /// Returns the signed-in user; a random one unless [`sign_in_as`](Self::sign_in_as) was called.
    pub fn signed_in_user(&self) -> String {
        self.shared.state().authorization.user.clone()
    }

    /// Returns a builder for a client of the authorization server.
    ///
    /// Clients may also register themselves at `/oauth/register`.
    pub fn oauth_client(&self, redirect_uri: impl Into<String>) -> OAuthClientBuilder<'_> {
        OAuthClientBuilder {
            emulator: self,
            redirect_uri: redirect_uri.into(),
            more: Vec::new(),
            confidential: false,
        }
    }

    /// Returns the sessions of the authorization server, oldest first.
    ///
    /// [`revoke`](Self::revoke) with the id of a session revokes it and all its tokens.
    pub fn oauth_sessions(&self) -> Vec<OAuthSession> {
        let state = self.shared.state();
        let sessions = state.authorization.sessions().cloned();
        let shown = sessions.map(|session| OAuthSession {
            id: session.id,
            user_id: session.user,
            client_id: session.client_id,
            scopes: session.scopes,
            resources: session.resources,
            token_ids: session.token_ids,
            revoked: session.revoked,
        });
        shown.collect()
    }
}
