//! Who acts for the user of an OAuth access token.

use serde::{Deserialize, Serialize};

use super::facts::text_size;

/// The actor of an OAuth access token that was issued by a token exchange (`act`, RFC 8693 §4.1).
///
/// The actor may itself act on behalf of another one, its [`inner`](Self::inner) actor.
///
/// # Security
///
/// Only the outermost actor is the caller. The inner ones are informational, and RFC 8693 §4.1
/// forbids using them for access decisions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Actor {
    #[serde(rename = "sub")]
    subject: Box<str>,
    #[serde(rename = "iss", default, skip_serializing_if = "Option::is_none")]
    issuer: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<Box<str>>,
    #[serde(rename = "act", default, skip_serializing_if = "Option::is_none")]
    inner: Option<Box<Actor>>,
}

impl Actor {
    /// Returns the subject of the actor.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Returns the issuer of the subject, if the token names it.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Returns the OAuth application that acts, if the token names it.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// Returns the previous actor, if any.
    #[must_use]
    pub fn inner(&self) -> Option<&Self> {
        self.inner.as_deref()
    }

    /// Returns how many bytes of memory this takes, all actors within it included.
    ///
    /// The chain is short: the parser bounds how deep JSON nests at 128.
    pub(super) fn size(&self) -> usize {
        let text = |text: Option<&str>| text_size(text.map_or(0, str::len));
        size_of::<Self>()
            .saturating_add(text_size(self.subject.len()))
            .saturating_add(text(self.issuer()))
            .saturating_add(text(self.client_id()))
            .saturating_add(self.inner().map_or(0, Self::size))
    }
}
