//! A token or key that Clerk has just made.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

/// The text of a created M2M token or API key: redacted when printed, wiped when dropped.
///
/// Deliberately not `Serialize`: whoever wants it in an answer writes
/// [`expose_secret`](Self::expose_secret) there.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::admin::TokenSecret;
///
/// let token = TokenSecret::from("mt_4f8a".to_owned());
/// assert_eq!(format!("{token:?}"), "TokenSecret(…)");
/// assert_eq!(token.expose_secret(), "mt_4f8a");
/// ```
#[derive(Clone)]
pub struct TokenSecret(SecretString);

impl TokenSecret {
    /// Returns the token itself.
    ///
    /// # Security
    ///
    /// The name is long on purpose: every use is a place to review.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for TokenSecret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for TokenSecret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(…)")
    }
}
