//! The types that claims have, where JSON has more than one way to write them.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use crate::identity::UnixMillis;
use crate::scope::Scopes;

/// A string, or a list of strings.
pub(super) enum Texts {
    One(Box<str>),
    Many(Vec<Box<str>>),
}

/// The longest list that is read. Identifiers of Clerk's are so long that a token of 8 KiB has room
/// for fewer; a longer list is there to cost time.
const MAX_TEXTS: usize = 256;

impl Texts {
    pub(super) fn list(self) -> Vec<Box<str>> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }

    /// A space-delimited list, or a list of strings.
    pub(super) fn scopes(self) -> Scopes {
        match self {
            Self::One(list) => Scopes::parse(&list),
            Self::Many(texts) => Scopes::of_list(texts),
        }
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Texts, E> {
        Ok(Texts::One(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Texts, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = items.next_element()? {
            if texts.len() == MAX_TEXTS {
                return Err(A::Error::custom("too many texts"));
            }
            texts.push(text);
        }
        Ok(Texts::Many(texts))
    }
}

/// Seconds since the epoch, fractions allowed (RFC 7519 §2).
pub(super) struct NumericDate(pub(super) UnixMillis);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = serde_json::Number::deserialize(deserializer)?;
        let date = numeric_date(&seconds).ok_or_else(|| D::Error::custom("not a date"))?;
        Ok(Self(date))
    }
}

/// The latest time that is read, the end of the year 9999, as RFC 3339 has it.
const LATEST: f64 = 253_402_300_800.0;

fn numeric_date(seconds: &serde_json::Number) -> Option<UnixMillis> {
    let seconds = seconds
        .as_f64()
        .filter(|seconds| (0.0..=LATEST).contains(seconds))?;
    std::time::Duration::try_from_secs_f64(seconds)
        .ok()
        .map(UnixMillis::from_duration)
}
