//! The public keys of the instance.

use http::Method;
use serde::{Deserialize, Serialize};

use super::client::AdminClient;
use crate::backend::AdminError;
use crate::transport::KEY_SET_LIMIT;

/// The call for the instance's keys; needs the instance secret.
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
/// The document would allow private members (`d`, `p`, `q`, `k`) in the answer. They are not read,
/// so they can neither be shown nor passed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Jwk {
    /// Its identifier; Clerk uses the identifier of the instance.
    #[serde(default)]
    pub kid: String,
    /// Its kind, `RSA` for instance.
    #[serde(default)]
    pub kty: String,
    /// The algorithm that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// InvalidationTarget it is used for, `sig` for instance.
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub key_use: Option<String>,
    /// The modulus of an RSA key, in base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// The exponent of an RSA key, in base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
    /// The curve of an elliptic key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// The first coordinate of an elliptic key, in base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// The second coordinate of an elliptic key, in base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
}

impl AdminClient {
    /// The public keys of the instance.
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
    /// As every call may.
    pub async fn get(self) -> Result<JwkSet, AdminError> {
        let call = self.client.read(Method::GET, &["jwks"]);
        call.body_limit(KEY_SET_LIMIT).send(self.client).await
    }
}
