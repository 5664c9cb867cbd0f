//! API keys of users and organizations.

mod create;
mod list;
mod model;
mod revoke;
mod update;

use http::Method;
use secrecy::SecretString;
use serde::Deserialize;

pub use self::create::CreateApiKey;
pub use self::list::ListApiKeys;
pub use self::model::{ApiKeyInfo, CreatedApiKey};
pub use self::revoke::RevokeApiKey;
pub use self::update::UpdateApiKey;
use super::client::AdminClient;
use super::input;
use super::token_secret::TokenSecret;
use super::wire::Gone;
use crate::backend::AdminError;
use crate::id::ApiKeyId;
use crate::token::TokenType;

const API_KEYS: &str = "api_keys";

/// Calls for API keys; all of them need the instance secret.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use clerk_machine_auth::{AdminClient, SecretKey, testing::ClerkEmulator};
/// # let clerk = ClerkEmulator::start().await;
/// # let client = AdminClient::builder()
/// #     .api_url(clerk.api_url())
/// #     .secret_key(SecretKey::new(clerk.secret_key())?)
/// #     .build()?;
/// let created = client
///     .api_keys()
///     .create("nightly export", "user_2xhFjEI5X2qWRvtV13BzSj8H6Dk")
///     .scopes(["reports:read"])
///     .send()
///     .await?;
/// let verified = client.api_keys().verify(created.secret.expose_secret()).await?;
/// assert_eq!(verified.scopes, ["reports:read"]);
/// let revoked = client.api_keys().revoke(&created.info.id).send().await?;
/// assert!(!revoked.is_active());
/// # Ok(()) }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ApiKeys<'a> {
    client: &'a AdminClient,
}

#[derive(Deserialize)]
struct Secret {
    #[serde(deserialize_with = "super::wire::token_secret")]
    secret: TokenSecret,
}

impl AdminClient {
    /// Returns the calls for API keys.
    #[must_use]
    pub const fn api_keys(&self) -> ApiKeys<'_> {
        ApiKeys { client: self }
    }
}

impl<'a> ApiKeys<'a> {
    /// Creates a key with this name (at least three characters) for a user (`user_…`), an
    /// organization (`org_…`), a machine (`mch_…`) or a SCIM directory (`scim_…`).
    pub fn create(self, name: impl Into<String>, subject: impl Into<String>) -> CreateApiKey {
        CreateApiKey::new(self.client, name.into(), subject.into())
    }

    /// Lists the keys of a subject.
    pub fn list(self, subject: impl AsRef<str>) -> ListApiKeys {
        ListApiKeys::new(self.client, subject.as_ref())
    }

    /// Gets the data that Clerk stores for a key.
    ///
    /// # Errors
    ///
    /// Fails as described in [`AdminErrorKind`](crate::AdminErrorKind).
    /// [`AdminError::is_not_found`] returns `true` if there is no such key.
    pub async fn get(self, id: &ApiKeyId) -> Result<ApiKeyInfo, AdminError> {
        let call = self.client.read(Method::GET, &[API_KEYS, id.as_str()]);
        call.send(self.client).await
    }

    /// Changes a key; fields that are not set keep their value.
    ///
    /// Cached verdicts on the key are invalidated in this process.
    pub fn update(self, id: &ApiKeyId) -> UpdateApiKey {
        UpdateApiKey::new(self.client, id)
    }

    /// Deletes a key and frees its name.
    ///
    /// Cached verdicts on the key are invalidated in this process.
    ///
    /// # Errors
    ///
    /// Fails as described in [`AdminErrorKind`](crate::AdminErrorKind).
    /// [`AdminError::is_not_found`] returns `true` if there is no such key.
    pub async fn delete(self, id: &ApiKeyId) -> Result<(), AdminError> {
        let eviction = self.client.invalidate_id(id.as_str());
        let call = self.client.write(Method::DELETE, &[API_KEYS, id.as_str()]);
        eviction.after(call.send(self.client).await).map(Gone::into)
    }

    /// Revokes a key, which keeps its name.
    ///
    /// Cached verdicts on the key are invalidated in this process.
    pub fn revoke(self, id: &ApiKeyId) -> RevokeApiKey {
        RevokeApiKey::new(self.client, id)
    }

    /// Gets the key itself.
    ///
    /// # Errors
    ///
    /// Fails as described in [`AdminErrorKind`](crate::AdminErrorKind).
    /// [`AdminError::is_not_found`] returns `true` if there is no such key.
    pub async fn get_secret(self, id: &ApiKeyId) -> Result<TokenSecret, AdminError> {
        let path = [API_KEYS, id.as_str(), "secret"];
        let call = self.client.read(Method::GET, &path);
        call.send(self.client).await.map(|Secret { secret }| secret)
    }

    /// Verifies a key with Clerk; each verification is billed.
    ///
    /// # Errors
    ///
    /// Fails as described in [`AdminErrorKind`](crate::AdminErrorKind).
    /// [`AdminError::is_not_found`] returns `true` for a key that Clerk does not know.
    ///
    /// # Security
    ///
    /// A successful response does not mean that the key is valid: check [`ApiKeyInfo::is_active`],
    /// the type and the subject. To authenticate incoming requests, use
    /// [`Authenticator`](crate::Authenticator), which checks them.
    pub async fn verify(self, secret: &str) -> Result<ApiKeyInfo, AdminError> {
        let secret = SecretString::from(secret);
        input::token("secret", &secret)?;
        let call = self.client.read(Method::POST, &[API_KEYS, "verify"]);
        call.token("secret", &secret)?
            .send_verification(self.client, TokenType::ApiKey)
            .await
    }
}
