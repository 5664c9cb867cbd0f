//! A token or key that was just created.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

/// The value of an M2M token or API key; redacted in `Debug` and wiped on drop.
///
/// Deliberately not `Serialize`. To include it in a response, use
/// [`expose_secret`](Self::expose_secret).
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
    /// The name is explicit so that every use is easy to find in a review.
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
