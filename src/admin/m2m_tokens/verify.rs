//! Verifying an M2M token with Clerk.

use http::Method;
use secrecy::SecretString;

use super::model::M2mTokenInfo;
use super::{M2M_TOKENS, secret_methods};
use crate::admin::client::AdminClient;
use crate::admin::input;
use crate::backend::AdminError;
use crate::credential::SecretChoice;
use crate::secret::MachineSecretKey;
use crate::token::TokenType;

/// A request to verify a token; see [`M2mTokens::verify`](super::M2mTokens::verify).
#[derive(Debug, Clone)]
#[must_use = "nothing is sent before `send` is called"]
pub struct VerifyM2mToken {
    client: AdminClient,
    secret: SecretChoice,
    token: SecretString,
}

impl VerifyM2mToken {
    pub(super) fn new(client: &AdminClient, token: &str) -> Self {
        Self {
            client: client.clone(),
            secret: SecretChoice::MachineElseInstance,
            token: token.into(),
        }
    }

    secret_methods!();

    /// Verifies the token.
    ///
    /// # Errors
    ///
    /// Fails as described in [`AdminErrorKind`](crate::AdminErrorKind).
    /// [`AdminError::is_not_found`] returns `true` for a token that Clerk does not know and, with a
    /// machine secret, for one that may not reach the machine.
    ///
    /// # Security
    ///
    /// A successful response does not mean that the token is valid: check
    /// [`M2mTokenInfo::is_active`] and, with the instance secret, [`M2mTokenInfo::can_reach`]. To
    /// authenticate incoming requests, use [`Authenticator`](crate::Authenticator), which checks
    /// them.
    pub async fn send(self) -> Result<M2mTokenInfo, AdminError> {
        input::token("token", &self.token)?;
        let call = self.client.read(Method::POST, &[M2M_TOKENS, "verify"]);
        let call = call.token("token", &self.token)?.secret(self.secret);
        call.send_verification(&self.client, TokenType::M2m).await
    }
}
