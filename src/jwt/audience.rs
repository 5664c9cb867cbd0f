//! Whom an OAuth token has to be meant for.

use crate::error::Reason;

/// The audiences that this service answers to; any one of them will do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audience(Box<[Box<str>]>);

impl Audience {
    pub(crate) fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        Self(
            names
                .into_iter()
                .map(|name| Box::from(name.as_ref()))
                .collect(),
        )
    }

    /// A configured audience has to stand in the token (RFC 9068 §4); an absent one is a wrong one.
    pub(crate) fn check(&self, named: Option<&[Box<str>]>) -> Result<(), Reason> {
        let names_us =
            |ours: &str| named.is_some_and(|named| named.iter().any(|name| **name == *ours));
        if self.0.is_empty() || self.0.iter().any(|ours| names_us(ours)) {
            return Ok(());
        }
        Err(Reason::WrongAudience)
    }
}
