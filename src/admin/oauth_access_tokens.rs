//! Access tokens of OAuth applications.

use std::time::SystemTime;

use http::Method;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::client::AdminClient;
use super::{input, wire};
use crate::backend::AdminError;
use crate::token::TokenType;

/// The call on OAuth access tokens; needs the instance secret.
#[derive(Debug, Clone, Copy)]
pub struct OAuthAccessTokens<'a> {
    client: &'a AdminClient,
}

/// InvalidationTarget Clerk says of an OAuth access token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OAuthAccessTokenInfo {
    /// Its identifier.
    pub id: String,
    /// The application that it was given to.
    pub client_id: String,
    /// The user whom it speaks for.
    pub subject: String,
    /// InvalidationTarget it may do.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Whether it was revoked.
    #[serde(default)]
    pub revoked: bool,
    /// Why it was revoked.
    #[serde(default)]
    pub revocation_reason: Option<String>,
    /// Whether its time is over.
    #[serde(default)]
    pub expired: bool,
    /// When it expires; `None` for a token that does not.
    #[serde(default, with = "wire::time")]
    pub expiration: Option<SystemTime>,
    /// When it was created.
    #[serde(default, with = "wire::time")]
    pub created_at: Option<SystemTime>,
    /// When it was last changed.
    #[serde(default, with = "wire::time")]
    pub updated_at: Option<SystemTime>,
}

/// The two answers on an OAuth access token.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::admin::OAuthVerification;
///
/// let expired: OAuthVerification = serde_json::from_str(r#"{"active": false}"#)?;
/// assert!(expired.token().is_none());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum OAuthVerification {
    /// Clerk knows the token; it may still be revoked or expired.
    Token(OAuthAccessTokenInfo),
    /// The token is a JWT whose time is over.
    Inactive {
        /// Always false.
        active: bool,
    },
}

impl AdminClient {
    /// Access tokens of OAuth applications.
    #[must_use]
    pub const fn oauth_access_tokens(&self) -> OAuthAccessTokens<'_> {
        OAuthAccessTokens { client: self }
    }
}

impl<'a> OAuthAccessTokens<'a> {
    /// Has Clerk verify an access token; each verification is billed.
    ///
    /// # Errors
    ///
    /// As every call may; [`AdminError::is_not_found`] for a token that Clerk does not know.
    ///
    /// # Security
    ///
    /// An answer is not yet a verdict: see [`OAuthVerification::token`]. For requests that come in
    /// use [`Authenticator`](crate::Authenticator).
    pub async fn verify(self, access_token: &str) -> Result<OAuthVerification, AdminError> {
        let token = SecretString::from(access_token);
        input::token("access_token", &token)?;
        let path = ["oauth_applications", "access_tokens", "verify"];
        let call = self.client.read(Method::POST, &path);
        call.token("access_token", &token)?
            .send_verification(self.client, TokenType::OAuth)
            .await
    }
}

impl OAuthVerification {
    /// Returns the token if it is neither revoked nor expired.
    #[must_use]
    pub fn token(&self) -> Option<&OAuthAccessTokenInfo> {
        match self {
            Self::Token(token) if !token.revoked && !token.expired => Some(token),
            _ => None,
        }
    }
}
