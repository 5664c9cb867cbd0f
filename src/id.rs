//! Identifiers of Clerk objects that cannot escape their path segment.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The maximum length of an identifier. Clerk's own have at most 40 bytes.
const MAX_LEN: usize = 128;

/// Error of parsing an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an identifier `{prefix}…` of ASCII letters, digits and `_`, at most 128 bytes")]
pub struct IdError {
    prefix: &'static str,
}

/// Defines an identifier type. All share one alphabet and differ in their prefix.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $($prefix:literal)|+) => {
        $(#[$doc])*
        ///
        /// # Security
        ///
        /// Contains only ASCII letters, digits and `_`, so that it is always a single segment of a
        /// URL path.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses an identifier.
            ///
            /// # Errors
            ///
            /// Fails if the prefix is different, if nothing follows it, or if there is a byte
            /// outside the alphabet.
            pub fn new(id: impl AsRef<str>) -> Result<Self, IdError> {
                parse(id.as_ref(), &[$($prefix),+]).map(Self)
            }

            /// Returns the identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(id: &str) -> Result<Self, IdError> {
                Self::new(id)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = IdError;

            fn try_from(id: &str) -> Result<Self, IdError> {
                Self::new(id)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(id: String) -> Result<Self, IdError> {
                Self::new(id)
            }
        }
    };
}

id! {
    /// The identifier of a machine (`mch_…`).
    ///
    /// # Examples
    ///
    /// ```
    /// use clerk_machine_auth::MachineId;
    ///
    /// let id: MachineId = "mch_2xhFjEI5X2qWRvtV13BzSj8H6Dk".parse()?;
    /// assert_eq!(id.as_str(), "mch_2xhFjEI5X2qWRvtV13BzSj8H6Dk");
    /// assert!("mch_../users".parse::<MachineId>().is_err());
    /// # Ok::<(), clerk_machine_auth::IdError>(())
    /// ```
    MachineId, "mch_"
}

id! {
    /// The identifier of an M2M token (`mt_…`), which is not the token itself.
    M2mTokenId, "mt_"
}

id! {
    /// The identifier of an API key (`ak_…`, formerly `api_key_…`), which is not the key itself.
    ApiKeyId, "ak_" | "api_key_"
}

fn parse(id: &str, prefixes: &[&'static str]) -> Result<Arc<str>, IdError> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match prefixes.iter().find_map(|prefix| id.strip_prefix(prefix)) {
        Some(rest) if !rest.is_empty() && id.len() <= MAX_LEN && rest.bytes().all(word) => {
            Ok(Arc::from(id))
        }
        _ => Err(IdError {
            prefix: prefixes.first().copied().unwrap_or_default(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_that_could_leave_their_path_segment_are_refused() {
        let hostile = [
            "",
            "mch_",
            "mch_/",
            "mch_..",
            "mch_%2e%2e",
            "mch_a?b",
            "mch_a#b",
            "mch_a b",
            "//host",
            "mch_a\0",
            "mch_a\\b",
            "mch_\u{e9}",
            "mt_abc",
            "MCH_abc",
            " mch_abc",
        ];
        for id in hostile {
            assert!(MachineId::new(id).is_err(), "{id:?} was taken");
        }
        assert!(MachineId::new(format!("mch_{}", "a".repeat(125))).is_err());
        assert!(MachineId::new(format!("mch_{}", "a".repeat(124))).is_ok());
        assert!(ApiKeyId::new("api_key_0a").is_ok() && ApiKeyId::new("ak_0a").is_ok());
        assert!(ApiKeyId::new("api_0a").is_err());
    }
}
