//! The two secrets of a service, redacted in `Debug` and wiped on drop.

mod instance;

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

pub use self::instance::InstanceSecret;

/// Error of parsing a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The value is empty or white space.
    #[error("the secret is empty")]
    Empty,
    /// The value begins or ends with a quotation mark.
    #[error("the value stands in quotes; remove the quotes")]
    Quotes,
    /// The value is the publishable key (`pk_…`).
    #[error("this is a publishable key; set CLERK_PUBLISHABLE_KEY (`publishable_key`) to it")]
    PublishableKey,
    /// The value is an instance secret (`sk_…`), but a machine secret is expected.
    #[error("this is an instance secret key; set CLERK_SECRET_KEY (`secret_key`) to it")]
    InstanceSecretKey,
    /// The value is a machine secret (`ak_…`), but an instance secret is expected.
    #[error(
        "this is a machine secret key; set CLERK_MACHINE_SECRET_KEY (`machine_secret_key`) to it"
    )]
    MachineSecretKey,
    /// The value does not have the prefix of this secret type.
    #[error("expected a secret that starts with `{expected}`")]
    Prefix {
        /// The prefix of this secret type.
        expected: &'static str,
    },
    /// The value contains white space, a control character, or non-ASCII characters.
    #[error("the secret holds white space or characters outside visible ASCII")]
    Characters,
    /// One key is of a development instance and the other of a production instance.
    #[error(
        "one key is of a development instance (`sk_test_`) and the other of a production instance \
        (`sk_live_`)"
    )]
    Environment,
}

/// The environment of an instance, as its keys indicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Environment {
    Development,
    Production,
}

impl Environment {
    /// Parses what follows the first three letters of a key: `test_` or `live_`.
    pub(crate) fn of(rest: &str) -> Option<Self> {
        if rest.starts_with("test_") {
            Some(Self::Development)
        } else if rest.starts_with("live_") {
            Some(Self::Production)
        } else {
            None
        }
    }
}

/// Defines a secret type. The two types differ only in their prefix and in what they permit.
macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// Parses a secret.
            ///
            /// Surrounding white space, as left by a secret file, is removed.
            ///
            /// # Errors
            ///
            /// Fails if the value has another prefix, or bytes that are not allowed in an HTTP
            /// header.
            pub fn new(value: impl Into<String>) -> Result<Self, SecretError> {
                parse(value.into(), $prefix).map(Self)
            }

            /// Returns the secret itself.
            ///
            /// # Security
            ///
            /// The name is explicit so that every use is easy to find in a review.
            #[must_use]
            pub fn expose_secret(&self) -> &str {
                self.0.expose_secret()
            }

            /// Compares with another secret, in constant time.
            pub(crate) fn same(&self, other: &Self) -> bool {
                self.ct_eq(other.expose_secret().as_bytes())
            }

            /// Compares with a token in constant time.
            pub(crate) fn ct_eq(&self, token: &[u8]) -> bool {
                verify_slices_are_equal(self.expose_secret().as_bytes(), token).is_ok()
            }

            /// Returns the value of `Authorization`, marked sensitive so that no layer below logs it.
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
    /// The secret of a Clerk instance (`sk_…`), which manages machines and verifies every token of
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
    /// The secret of a machine (`ak_…`), which creates that machine's tokens and verifies the
    /// tokens that may reach it.
    ///
    /// # Security
    ///
    /// Machine secrets and API keys have the same prefix. A machine secret that arrives as a bearer
    /// token is rejected; see [`Authenticator`](crate::Authenticator).
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

impl SecretKey {
    /// Returns the environment of the instance, or `None` if the key does not indicate it.
    pub(crate) fn environment(&self) -> Option<Environment> {
        Environment::of(self.expose_secret().strip_prefix("sk_")?)
    }

    /// Returns `true` if the two keys cannot belong to the same instance.
    fn contradicts(&self, other: &Self) -> bool {
        let environments = self.environment().zip(other.environment());
        environments.is_some_and(|(one, other)| one != other)
    }
}

/// Checks a value, and reports the likely mistake.
///
/// Secrets are usually copied, so the common mistakes are a different key, and quotes that a file
/// format keeps.
fn parse(value: String, prefix: &'static str) -> Result<SecretString, SecretError> {
    let secret = SecretString::from(value);
    let trimmed = secret.expose_secret().trim();
    if trimmed.is_empty() {
        return Err(SecretError::Empty);
    }
    if is_quoted(trimmed) {
        return Err(SecretError::Quotes);
    }
    if trimmed.strip_prefix(prefix).is_none_or(str::is_empty) {
        return Err(mistaken(trimmed, prefix));
    }
    if !trimmed.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SecretError::Characters);
    }
    Ok(SecretString::from(trimmed))
}

fn mistaken(value: &str, expected: &'static str) -> SecretError {
    match value.get(..3) {
        Some("pk_") => SecretError::PublishableKey,
        Some("sk_") if expected != "sk_" => SecretError::InstanceSecretKey,
        Some("ak_") if expected != "ak_" => SecretError::MachineSecretKey,
        _ => SecretError::Prefix { expected },
    }
}

/// Returns `true` if a value starts or ends with a quotation mark, which no setting does.
pub(crate) fn is_quoted(value: &str) -> bool {
    let invalidations = [
        '"', '\'', '`', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}',
    ];
    value.starts_with(invalidations) || value.ends_with(invalidations)
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
        assert_eq!(SecretKey::new("mk_abc").err(), prefix);
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
    fn the_mistake_is_named() {
        let instance = |value: &str| SecretKey::new(value).err().map(|e| e.to_string());
        let machine = |value: &str| MachineSecretKey::new(value).err().map(|e| e.to_string());
        let table = [
            (
                instance("pk_test_a"),
                "this is a publishable key; set CLERK_PUBLISHABLE_KEY",
            ),
            (
                machine(" pk_test_a"),
                "this is a publishable key; set CLERK_PUBLISHABLE_KEY",
            ),
            (
                machine("sk_test_a"),
                "this is an instance secret key; set CLERK_SECRET_KEY",
            ),
            (
                instance("ak_a\n"),
                "this is a machine secret key; set CLERK_MACHINE_SECRET_KEY",
            ),
            (instance("\"sk_test_a\""), "remove the quotes"),
            (instance("'sk_test_a' \n"), "remove the quotes"),
            (instance("sk_test_a'"), "remove the quotes"),
            (machine("\u{201c}ak_a\u{201d}"), "remove the quotes"),
            (instance(" \n"), "empty"),
        ];
        for (error, expected) in table {
            let error = error.unwrap();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_secret_key_says_what_its_instance_is_for() {
        let of = |key| SecretKey::new(key).unwrap().environment();
        assert_eq!(of("sk_test_a"), Some(Environment::Development));
        assert_eq!(of("sk_live_a"), Some(Environment::Production));
        assert_eq!(of("sk_a"), None);
    }

    #[test]
    fn rule_5_comparison_is_exact() {
        let key = SecretKey::new("sk_abc").unwrap();
        assert!(key.ct_eq(b"sk_abc"));
        assert!(!key.ct_eq(b"sk_abd"));
        assert!(!key.ct_eq(b"sk_abcd"));
    }
}
