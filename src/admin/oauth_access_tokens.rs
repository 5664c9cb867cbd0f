//! Access tokens of OAuth applications.

use std::time::SystemTime;

use http::Method;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::client::AdminClient;
use super::{input, wire};
use crate::backend::AdminError;
use crate::token::TokenType;

/// Call for OAuth access tokens; needs the instance secret.
#[derive(Debug, Clone, Copy)]
pub struct OAuthAccessTokens<'a> {
    client: &'a AdminClient,
}

/// The data that Clerk returns for an OAuth access token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OAuthAccessTokenInfo {
    /// Its identifier.
    pub id: String,
    /// The application to which it was issued.
    pub client_id: String,
    /// The user on whose behalf it acts.
    pub subject: String,
    /// Its scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Whether it was revoked.
    #[serde(default)]
    pub revoked: bool,
    /// Why it was revoked.
    #[serde(default)]
    pub revocation_reason: Option<String>,
    /// Whether it has expired.
    #[serde(default)]
    pub expired: bool,
    /// When it expires; `None` if it does not.
    #[serde(default, with = "wire::time")]
    pub expiration: Option<SystemTime>,
    /// When it was created.
    #[serde(default, with = "wire::time")]
    pub created_at: Option<SystemTime>,
    /// When it was last updated.
    #[serde(default, with = "wire::time")]
    pub updated_at: Option<SystemTime>,
}

/// The response to the verification of an OAuth access token.
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
    /// Clerk knows the token, which may nevertheless be revoked or expired.
    Token(OAuthAccessTokenInfo),
    /// The token is a JWT that has expired.
    Inactive {
        /// Always `false`.
        active: bool,
    },
}

impl AdminClient {
    /// Returns the calls for OAuth access tokens.
    #[must_use]
    pub const fn oauth_access_tokens(&self) -> OAuthAccessTokens<'_> {
        OAuthAccessTokens { client: self }
    }
}

impl<'a> OAuthAccessTokens<'a> {
    /// Verifies an access token with Clerk; each verification is billed.
    ///
    /// # Errors
    ///
    /// Fails as described in [`AdminErrorKind`](crate::AdminErrorKind).
    /// [`AdminError::is_not_found`] returns `true` for a token that Clerk does not know.
    ///
    /// # Security
    ///
    /// A successful response does not mean that the token is valid: use
    /// [`OAuthVerification::token`]. To authenticate incoming requests, use
    /// [`Authenticator`](crate::Authenticator).
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
