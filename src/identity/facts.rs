//! The facts that are known about every token, regardless of its type.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::custom::CustomClaims;
use crate::clock::millis;
use crate::scope::Scopes;

/// The format of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenFormat {
    /// A JWT: verified locally, cannot be revoked.
    Jwt,
    /// An opaque token: verified by Clerk, can be revoked.
    Opaque,
}

/// Milliseconds since the Unix epoch, by the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct UnixMillis(pub(crate) u64);

impl UnixMillis {
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    pub(crate) fn from_duration(since_epoch: Duration) -> Self {
        Self(millis(since_epoch))
    }

    /// Converts a time of Clerk's: milliseconds since the Unix epoch, or seconds if the number is too
    /// small for that. Accepts integers and floats.
    ///
    /// OAuth access tokens have seconds where Clerk's document says milliseconds. In milliseconds, 10¹¹
    /// is March 1973, and no token is that old. In seconds, it is the year 5138.
    pub(crate) fn from_clerk(number: f64) -> Option<Self> {
        const LARGEST_SECONDS: f64 = 1e11;
        // The latest time that JavaScript can represent, in the year 275760.
        const LATEST_MILLIS: f64 = 8.64e15;
        let millis = if number < LARGEST_SECONDS {
            number * 1000.0
        } else {
            number
        };
        // Whole milliseconds: a float has no exact tenth, and Clerk has no finer unit.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        (0.0..=LATEST_MILLIS)
            .contains(&millis)
            .then(|| Self(millis.round() as u64))
    }

    pub(crate) fn to_system_time(self) -> SystemTime {
        UNIX_EPOCH
            .checked_add(Duration::from_millis(self.0))
            .unwrap_or(UNIX_EPOCH)
    }
}

/// Error of deserializing the custom claims of a token.
///
/// # Security
///
/// Contains the position of the mismatch, never the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token's claims do not have the expected form")]
#[non_exhaustive]
pub struct ClaimsError;

/// The facts that are known about every token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts {
    pub(crate) format: TokenFormat,
    pub(crate) id: Box<str>,
    pub(crate) subject: Box<str>,
    pub(crate) scopes: Scopes,
    /// Boxed, because most opaque tokens have none.
    pub(crate) claims: Option<Box<CustomClaims>>,
    pub(crate) issued_at: Option<UnixMillis>,
    pub(crate) expires_at: Option<UnixMillis>,
}

impl Facts {
    /// Returns the heap memory of the value in bytes.
    pub(super) fn heap_size(&self) -> usize {
        let claims = self.claims.as_ref();
        let claims = claims.map_or(0, |claims| text_size(claims.len()).saturating_add(64));
        text_size(self.id.len())
            .saturating_add(text_size(self.subject.len()))
            .saturating_add(self.scopes.heap_size())
            .saturating_add(claims)
    }
}

/// Returns the heap memory of a text. The allocator rounds up, and stores a word of its own.
pub(crate) const fn text_size(len: usize) -> usize {
    if len == 0 { 0 } else { len.saturating_add(24) }
}

/// Defines the accessors that the three token types share.
macro_rules! shared_accessors {
    ($name:ident) => {
        impl $name {
            pub(crate) fn facts(&self) -> &crate::identity::Facts {
                &self.inner.facts
            }

            pub(crate) fn origin(&self) -> crate::identity::Origin {
                self.origin
            }

            pub(crate) fn set_origin(&mut self, origin: crate::identity::Origin) {
                self.origin = origin;
            }

            /// Returns the identifier of the token; empty for a JWT without `jti`.
            #[must_use]
            pub fn id(&self) -> &str {
                &self.inner.facts.id
            }

            /// Returns the subject of the token.
            #[must_use]
            pub fn subject(&self) -> &str {
                &self.inner.facts.subject
            }

            /// Returns the scopes in the token, as Clerk's own auth object does.
            #[must_use]
            pub fn scopes(&self) -> &crate::scope::Scopes {
                &self.inner.facts.scopes
            }

            /// Returns the custom claims of the token as JSON.
            ///
            /// They are parsed on the first call for each request, because the cache only stores
            /// their text.
            #[must_use]
            pub fn raw_claims(&self) -> Option<&serde_json::Value> {
                let claims = self.inner.facts.claims.as_ref()?;
                Some(self.claims.of(claims))
            }

            /// Deserializes the custom claims of the token.
            ///
            /// # Errors
            ///
            /// Fails if the claims do not fit the type.
            pub fn claims<T: serde::de::DeserializeOwned>(
                &self,
            ) -> Result<T, crate::identity::ClaimsError> {
                let claims = self.raw_claims().unwrap_or(&serde_json::Value::Null);
                T::deserialize(claims).map_err(|_| crate::identity::ClaimsError)
            }

            /// Returns when the token expires; `None` if it does not.
            #[must_use]
            pub fn expires_at(&self) -> Option<std::time::SystemTime> {
                self.inner
                    .facts
                    .expires_at
                    .map(crate::identity::UnixMillis::to_system_time)
            }
        }
    };
}

pub(super) use shared_accessors;
