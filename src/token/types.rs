//! The three types of machine token that Clerk issues.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The type of a machine token, named as in Clerk's own SDKs.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::TokenType;
///
/// assert_eq!(TokenType::M2m.as_str(), "m2m_token");
/// assert_eq!("api_key".parse(), Ok(TokenType::ApiKey));
/// assert!("session_token".parse::<TokenType>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TokenType {
    /// A token with which one machine calls another (`mt_…` or a JWT).
    #[serde(rename = "m2m_token")]
    M2m,
    /// A key that a user or an organization created (`ak_…`).
    #[serde(rename = "api_key")]
    ApiKey,
    /// An access token of an OAuth application (`oat_…` or an `at+jwt`).
    #[serde(rename = "oauth_token")]
    OAuth,
}

impl TokenType {
    pub(crate) const ALL: [Self; 3] = [Self::M2m, Self::ApiKey, Self::OAuth];

    /// Returns the name that Clerk's SDKs use in `acceptsToken`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::M2m => "m2m_token",
            Self::ApiKey => "api_key",
            Self::OAuth => "oauth_token",
        }
    }
}

impl fmt::Display for TokenType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Error of parsing a [`TokenType`]: the name is not `m2m_token`, `api_key` or `oauth_token`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `m2m_token`, `api_key` or `oauth_token`")]
pub struct ParseTokenTypeError;

impl FromStr for TokenType {
    type Err = ParseTokenTypeError;

    fn from_str(name: &str) -> Result<Self, ParseTokenTypeError> {
        Self::ALL
            .into_iter()
            .find(|token_type| token_type.as_str() == name)
            .ok_or(ParseTokenTypeError)
    }
}

/// A set of token types.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenTypes(u8);

impl TokenTypes {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn all() -> Self {
        Self::from_iter(TokenType::ALL)
    }

    pub(crate) const fn contains(self, token_type: TokenType) -> bool {
        self.0 & Self::bit(token_type) != 0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the intersection of two sets.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = TokenType> {
        TokenType::ALL
            .into_iter()
            .filter(move |token_type| self.contains(*token_type))
    }

    const fn bit(token_type: TokenType) -> u8 {
        1 << token_type as u8
    }
}

impl FromIterator<TokenType> for TokenTypes {
    fn from_iter<I: IntoIterator<Item = TokenType>>(types: I) -> Self {
        Self(
            types
                .into_iter()
                .fold(0, |bits, token_type| bits | Self::bit(token_type)),
        )
    }
}

impl fmt::Debug for TokenTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let names = ["m2m_token", "api_key", "oauth_token"];
        for (token_type, name) in TokenTypes::all().iter().zip(names) {
            assert_eq!(
                (token_type.as_str(), token_type.to_string().as_str()),
                (name, name)
            );
            assert_eq!(name.parse(), Ok(token_type));
        }
        assert!("session_token".parse::<TokenType>().is_err());
    }

    #[test]
    fn rule_4_a_set_holds_what_was_put_in() {
        let both = TokenTypes::from_iter([TokenType::M2m, TokenType::OAuth]);
        assert!(both.contains(TokenType::M2m) && both.contains(TokenType::OAuth));
        assert!(!both.contains(TokenType::ApiKey));
        assert_eq!(
            both.and(TokenTypes::from_iter([TokenType::ApiKey])),
            TokenTypes::NONE
        );
        let twice = TokenTypes::from_iter([TokenType::M2m, TokenType::M2m]);
        assert!(twice.contains(TokenType::M2m), "named twice is named");
        assert_eq!(TokenTypes::all().iter().count(), 3);
        assert!(TokenTypes::NONE.is_empty() && !both.is_empty());
    }
}
