//! The authorization server from within the process: who is signed in, which clients and sessions
//! there are.

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
    /// Returns its id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns its secret; `None` for a public client.
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

/// A client to be created.
#[derive(Debug)]
#[must_use = "call `.create()`"]
pub struct OAuthClientBuilder<'a> {
    emulator: &'a ClerkEmulator,
    redirect_uri: String,
    more: Vec<String>,
    confidential: bool,
}

impl OAuthClientBuilder<'_> {
    /// Allows one more redirect URI.
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.more.push(uri.into());
        self
    }

    /// Gives it a secret. Default: a public client, which authenticates by PKCE alone.
    pub fn confidential(mut self) -> Self {
        self.confidential = true;
        self
    }

    /// Creates it.
    ///
    /// # Panics
    ///
    /// If a redirect URI is neither `https`, nor `http` on the loopback interface, nor of an
    /// application's own scheme.
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

/// What a user granted a client, and the access tokens that came of it.
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
    /// The resources (RFC 8707) that its tokens are for.
    pub resources: Vec<String>,
    /// The ids of its access tokens (`oat_…`), oldest first.
    pub token_ids: Vec<String>,
    /// Whether it was revoked: by a test, by its client, or since a code or a refresh token of it
    /// was used twice.
    pub revoked: bool,
}

impl ClerkEmulator {
    /// Signs a user in: whoever visits `/oauth/authorize` from now on is this user.
    pub fn sign_in_as(&self, user: impl Into<String>) {
        self.shared.state().authorization.user = user.into();
    }

    /// Returns the user that is signed in: one of the emulator's own until
    /// [`sign_in_as`](Self::sign_in_as).
    pub fn signed_in_user(&self) -> String {
        self.shared.state().authorization.user.clone()
    }

    /// Begins a client of the authorization server. Clients may also register themselves at
    /// `/oauth/register`.
    pub fn oauth_client(&self, redirect_uri: impl Into<String>) -> OAuthClientBuilder<'_> {
        OAuthClientBuilder {
            emulator: self,
            redirect_uri: redirect_uri.into(),
            more: Vec::new(),
            confidential: false,
        }
    }

    /// Returns the sessions of the authorization server, oldest first. [`revoke`](Self::revoke)
    /// with the id of one ends it with all its tokens.
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
