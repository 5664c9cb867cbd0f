//! The public keys of the instance.

use http::Method;
use serde::{Deserialize, Serialize};

use super::client::AdminClient;
use crate::backend::AdminError;
use crate::transport::KEY_SET_LIMIT;

/// Call for the public keys of the instance; needs the instance secret.
#[derive(Debug, Clone, Copy)]
pub struct Jwks<'a> {
    client: &'a AdminClient,
}

/// The keys that sign the tokens of the instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JwkSet {
    /// The keys; usually one.
    #[serde(default)]
    pub keys: Vec<Jwk>,
}

/// One public key.
///
/// # Security
///
/// Clerk's OpenAPI document allows private members (`d`, `p`, `q`, `k`) in the response. They are
/// not read, so they can neither be printed nor passed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Jwk {
    /// Its key id; Clerk uses the identifier of the instance.
    #[serde(default)]
    pub kid: String,
    /// Its key type, such as `RSA`.
    #[serde(default)]
    pub kty: String,
    /// The algorithm for which the key is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// The use of the key, such as `sig`.
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub key_use: Option<String>,
    /// The modulus of an RSA key, in base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// The exponent of an RSA key, in base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
    /// The curve of an elliptic-curve key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// The x coordinate of an elliptic-curve key, in base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// The y coordinate of an elliptic-curve key, in base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
}

impl AdminClient {
    /// Returns the calls for the public keys of the instance.
    #[must_use]
    pub const fn jwks(&self) -> Jwks<'_> {
        Jwks { client: self }
    }
}

impl<'a> Jwks<'a> {
    /// Gets the keys.
    ///
    /// # Errors
    ///
    /// Fails as described in [`AdminErrorKind`](crate::AdminErrorKind).
    pub async fn get(self) -> Result<JwkSet, AdminError> {
        let call = self.client.read(Method::GET, &["jwks"]);
        call.body_limit(KEY_SET_LIMIT).send(self.client).await
    }
}
