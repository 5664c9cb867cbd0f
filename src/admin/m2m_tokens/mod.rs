//! Machine-to-machine tokens: creating, listing, revoking, verifying.

mod create;
mod list;
mod model;
mod revoke;
mod verify;

pub use self::create::CreateM2mToken;
pub use self::list::ListM2mTokens;
pub use self::model::{CreatedM2mToken, M2mTokenInfo};
pub use self::revoke::RevokeM2mToken;
pub use self::verify::VerifyM2mToken;
use super::client::AdminClient;
use crate::id::{M2mTokenId, MachineId};

const M2M_TOKENS: &str = "m2m_tokens";

/// Calls for M2M tokens.
///
/// If the client holds both secrets, the machine secret creates and verifies tokens, because Clerk
/// then checks that the token may reach the machine. The instance secret lists and revokes tokens,
/// because it has access to the tokens of every machine. Each request can choose the other secret.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use clerk_machine_auth::{AdminClient, SecretKey, testing::ClerkEmulator};
/// # let clerk = ClerkEmulator::start().await;
/// # let machine = clerk.machine("orders").create();
/// # let client = AdminClient::builder()
/// #     .api_url(clerk.api_url())
/// #     .secret_key(SecretKey::new(clerk.secret_key())?)
/// #     .machine_secret(clerk_machine_auth::MachineSecretKey::new(machine.secret_key())?)
/// #     .build()?;
/// use std::time::Duration;
///
/// let created = client
///     .m2m_tokens()
///     .create()
///     .expires_in(Duration::from_secs(600))
///     .send()
///     .await?;
/// let verified = client
///     .m2m_tokens()
///     .verify(created.token.expose_secret())
///     .with_instance_secret()
///     .send()
///     .await?;
/// assert_eq!(verified.id, created.info.id);
/// let revoke = client.m2m_tokens().revoke(&verified.id).reason("no longer used");
/// assert!(!revoke.send().await?.is_active());
/// # Ok(()) }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Debug, Clone, Copy)]
pub struct M2mTokens<'a> {
    client: &'a AdminClient,
}

impl AdminClient {
    /// Returns the calls for M2M tokens.
    #[must_use]
    pub const fn m2m_tokens(&self) -> M2mTokens<'_> {
        M2mTokens { client: self }
    }
}

impl<'a> M2mTokens<'a> {
    /// Creates a token of the machine whose secret is used.
    pub fn create(self) -> CreateM2mToken {
        CreateM2mToken::new(self.client)
    }

    /// Lists the opaque tokens of a machine; Clerk does not store JWTs.
    pub fn list(self, subject: &MachineId) -> ListM2mTokens {
        ListM2mTokens::new(self.client, subject)
    }

    /// Revokes an opaque token; a JWT cannot be revoked.
    ///
    /// Cached verdicts on the token are invalidated in this process.
    pub fn revoke(self, id: &M2mTokenId) -> RevokeM2mToken {
        RevokeM2mToken::new(self.client, id)
    }

    /// Verifies a token with Clerk; each verification of an opaque token is billed.
    pub fn verify(self, token: &str) -> VerifyM2mToken {
        VerifyM2mToken::new(self.client, token)
    }
}

/// Writes the methods that choose the secret of one request.
macro_rules! secret_methods {
    () => {
        /// Uses this machine secret for this request.
        pub fn with_machine_secret(mut self, secret: MachineSecretKey) -> Self {
            self.secret = SecretChoice::Given(secret);
            self
        }

        /// Uses the client's own machine secret for this request.
        pub fn with_own_machine_secret(mut self) -> Self {
            self.secret = SecretChoice::Machine;
            self
        }

        /// Uses the instance secret for this request.
        pub fn with_instance_secret(mut self) -> Self {
            self.secret = SecretChoice::Instance;
            self
        }
    };
}

use secret_methods;
