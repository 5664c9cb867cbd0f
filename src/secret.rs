//! The two secrets of a Clerk service, redacted when printed and wiped when dropped.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

/// Why a string is not the secret it was given as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The value does not start as this kind of secret does.
    #[error("expected a secret that starts with `{expected}`")]
    Prefix {
        /// The prefix of this kind of secret.
        expected: &'static str,
    },
    /// The value holds white space, a control character, or anything outside visible ASCII.
    #[error("the secret holds white space or characters outside visible ASCII")]
    Characters,
}

/// Writes one secret type: both differ only in their prefix and in what they may do.
macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// Checks the form of a secret and takes it.
            ///
            /// Surrounding white space, as left by a secret file, is removed.
            ///
            /// # Errors
            ///
            /// Fails if the value has another prefix or bytes that cannot stand in an HTTP header.
            pub fn new(value: impl Into<String>) -> Result<Self, SecretError> {
                parse(value.into(), $prefix).map(Self)
            }

            /// Returns the secret itself.
            ///
            /// # Security
            ///
            /// The name is long on purpose: every use is a place to review.
            #[must_use]
            pub fn expose_secret(&self) -> &str {
                self.0.expose_secret()
            }

            /// Compares with a token in constant time.
            pub(crate) fn is(&self, token: &[u8]) -> bool {
                verify_slices_are_equal(self.expose_secret().as_bytes(), token).is_ok()
            }

            /// Writes the `Authorization` field, marked sensitive so that no layer below logs it.
            pub(crate) fn authorization(&self) -> Option<HeaderValue> {
                let text = format!("Bearer {}", self.expose_secret());
                let mut value = HeaderValue::try_from(text).ok()?;
                value.set_sensitive(true);
                Some(value)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(", $prefix, "…)"))
            }
        }

        impl TryFrom<&str> for $name {
            type Error = SecretError;

            fn try_from(value: &str) -> Result<Self, SecretError> {
                Self::new(value)
            }
        }

        impl TryFrom<String> for $name {
            type Error = SecretError;

            fn try_from(value: String) -> Result<Self, SecretError> {
                Self::new(value)
            }
        }
    };
}

secret! {
    /// The secret of a whole Clerk instance (`sk_…`): manages machines and verifies any token of
    /// the instance.
    ///
    /// # Examples
    ///
    /// ```
    /// use clerk_machine_auth::SecretKey;
    ///
    /// let key = SecretKey::new("sk_test_4f8a")?;
    /// assert_eq!(format!("{key:?}"), "SecretKey(sk_…)");
    /// assert!(SecretKey::new("pk_test_4f8a").is_err());
    /// # Ok::<(), clerk_machine_auth::SecretError>(())
    /// ```
    SecretKey, "sk_"
}

secret! {
    /// The secret of one machine (`ak_…`): creates that machine's tokens and verifies the tokens
    /// that may reach it.
    ///
    /// # Security
    ///
    /// Clerk gives machine secrets and user API keys the same prefix. A machine secret that
    /// arrives as a bearer token is refused; see [`Authenticator`](crate::Authenticator).
    ///
    /// # Examples
    ///
    /// ```
    /// use clerk_machine_auth::MachineSecretKey;
    ///
    /// let key = MachineSecretKey::new("ak_LCWG/57II=")?;
    /// assert_eq!(format!("{key:?}"), "MachineSecretKey(ak_…)");
    /// # Ok::<(), clerk_machine_auth::SecretError>(())
    /// ```
    MachineSecretKey, "ak_"
}

fn parse(value: String, prefix: &'static str) -> Result<SecretString, SecretError> {
    let secret = SecretString::from(value);
    let trimmed = secret.expose_secret().trim();
    if trimmed.strip_prefix(prefix).is_none_or(str::is_empty) {
        return Err(SecretError::Prefix { expected: prefix });
    }
    if !trimmed.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SecretError::Characters);
    }
    Ok(SecretString::from(trimmed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_19_secrets_are_checked_and_redacted() {
        let key = MachineSecretKey::new(" ak_a/b+c=\n").unwrap();
        assert_eq!(key.expose_secret(), "ak_a/b+c=");
        assert!(!format!("{key:?}").contains("a/b"));
        assert!(format!("{:?}", key.authorization().unwrap()).contains("Sensitive"));
    }

    #[test]
    fn other_prefixes_and_bytes_are_refused() {
        let prefix = Some(SecretError::Prefix { expected: "sk_" });
        assert_eq!(SecretKey::new("ak_abc").err(), prefix);
        assert_eq!(SecretKey::new("sk_").err(), prefix);
        assert_eq!(
            SecretKey::new("sk_a b").err(),
            Some(SecretError::Characters)
        );
        assert_eq!(
            SecretKey::new("sk_\u{e9}").err(),
            Some(SecretError::Characters)
        );
    }

    #[test]
    fn rule_5_comparison_is_exact() {
        let key = SecretKey::new("sk_abc").unwrap();
        assert!(key.is(b"sk_abc"));
        assert!(!key.is(b"sk_abd"));
        assert!(!key.is(b"sk_abcd"));
    }
}
