//! Creating an M2M token.

use std::time::Duration;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::model::CreatedM2mToken;
use crate::admin::client::AdminClient;
use crate::admin::input::{self, Lifetime};
use crate::admin::token_secret::TokenSecret;
use crate::backend::AdminError;
use crate::credential::SecretChoice;
use crate::identity::TokenFormat;
use crate::secret::MachineSecretKey;

/// A request for a token; see [`M2mTokens::create`](super::M2mTokens::create).
#[derive(Debug, Clone)]
#[must_use = "nothing is sent before `send` is called"]
pub struct CreateM2mToken {
    client: AdminClient,
    secret: SecretChoice,
    format: TokenFormat,
    lifetime: Lifetime,
    claims: Option<Result<Value, AdminError>>,
    min_remaining_ttl: Option<Duration>,
}

#[derive(Serialize)]
struct Body<'a> {
    token_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_until_expiration: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_remaining_ttl_seconds: Option<u64>,
}

#[derive(Deserialize)]
struct Token {
    #[serde(deserialize_with = "crate::admin::wire::token_secret")]
    token: TokenSecret,
}

impl CreateM2mToken {
    pub(super) fn new(client: &AdminClient) -> Self {
        Self {
            client: client.clone(),
            secret: SecretChoice::Machine,
            format: TokenFormat::Opaque,
            lifetime: Lifetime::Default,
            claims: None,
            min_remaining_ttl: None,
        }
    }

    /// Sets the format; opaque by default.
    pub const fn format(mut self, format: TokenFormat) -> Self {
        self.format = format;
        self
    }

    /// Sets the lifetime; the machine's default by default.
    pub const fn expires_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = Lifetime::Of(lifetime);
        self
    }

    /// Requests a token without expiry.
    ///
    /// Clerk's documentation is inconsistent on whether such a token never expires or gets the
    /// machine's default lifetime. Check the `expiration` of the response.
    pub const fn without_expiry(mut self) -> Self {
        self.lifetime = Lifetime::Unlimited;
        self
    }

    /// Sets custom claims of the token.
    pub fn claims(mut self, claims: impl Serialize) -> Self {
        self.claims = Some(input::claims(claims));
        self
    }

    /// Allows Clerk to return an existing opaque token with the same claims and scopes, if it is
    /// valid for at least this long: whole seconds, less than the token's lifetime.
    ///
    /// Useful for processes that are too short-lived to reuse a token of their own.
    pub const fn min_remaining_ttl(mut self, ttl: Duration) -> Self {
        self.min_remaining_ttl = Some(ttl);
        self
    }

    /// Uses this machine secret instead of the client's, to create a token of another machine.
    pub fn with_machine_secret(mut self, secret: MachineSecretKey) -> Self {
        self.secret = SecretChoice::Given(secret);
        self
    }

    /// Creates the token.
    ///
    /// # Errors
    ///
    /// Fails without a call for a lifetime of zero, for a minimum that is not less than the
    /// lifetime, for claims that cannot be serialized as JSON, and without a machine secret.
    /// Otherwise fails as described in [`AdminErrorKind`](crate::AdminErrorKind).
    pub async fn send(self) -> Result<CreatedM2mToken, AdminError> {
        let min_remaining_ttl_seconds =
            input::optional(self.min_remaining_ttl, |ttl| self.remaining(ttl))?;
        let body = Body {
            token_format: match self.format {
                TokenFormat::Opaque => "opaque",
                TokenFormat::Jwt => "jwt",
            },
            seconds_until_expiration: self.lifetime.seconds()?,
            claims: self
                .claims
                .as_ref()
                .map(Result::as_ref)
                .transpose()
                .map_err(Clone::clone)?,
            min_remaining_ttl_seconds,
        };
        let call = self.client.write(Method::POST, &[super::M2M_TOKENS]);
        let call = call.json(&body)?.secret(self.secret);
        let answer = call.send_raw(&self.client).await?;
        let Token { token } = serde_json::from_slice(&answer).map_err(AdminError::decode)?;
        let info = serde_json::from_slice(&answer).map_err(AdminError::decode)?;
        Ok(CreatedM2mToken { info, token })
    }

    fn remaining(&self, ttl: Duration) -> Result<u64, AdminError> {
        const FIELD: &str = "min_remaining_ttl_seconds";
        if matches!(self.lifetime, Lifetime::Of(lifetime) if ttl >= lifetime) {
            return Err(AdminError::invalid(FIELD, "is not less than the lifetime"));
        }
        input::whole_seconds(FIELD, ttl)
    }
}
