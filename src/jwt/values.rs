//! The types of claims for which JSON has more than one representation.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::identity::UnixMillis;
use crate::scope::Scopes;

/// The maximum number of texts in all lists of one token.
///
/// Clerk's identifiers are so long that a token of 8 KiB has room for fewer. Lists are parsed before
/// the signature is checked, so more texts would only cost time. In a list within one text, each part
/// counts, including empty ones.
const MAX_TEXTS: usize = 256;

/// How many more texts a token may list.
#[derive(Debug)]
pub(super) struct TextsLeft(usize);

impl Default for TextsLeft {
    fn default() -> Self {
        Self(MAX_TEXTS)
    }
}

impl TextsLeft {
    /// Parses a string, or a list of strings.
    pub(super) fn list<'de, A: MapAccess<'de>>(
        &mut self,
        from: &mut A,
    ) -> Result<Vec<Box<str>>, A::Error> {
        match from.next_value_seed(&mut *self)? {
            Texts::One(text) => Ok(vec![text]),
            Texts::Many(texts) => Ok(texts),
        }
    }

    /// Parses a space-delimited list, or a list of strings.
    pub(super) fn scopes<'de, A: MapAccess<'de>>(
        &mut self,
        from: &mut A,
    ) -> Result<Scopes, A::Error> {
        match from.next_value_seed(&mut *self)? {
            Texts::One(list) => {
                let more = list.split(' ').skip(1).take(MAX_TEXTS).count();
                self.take(more).ok_or_else(too_many)?;
                Ok(Scopes::parse(&list))
            }
            Texts::Many(texts) => Ok(Scopes::of_list(texts)),
        }
    }

    fn take(&mut self, texts: usize) -> Option<()> {
        self.0 = self.0.checked_sub(texts)?;
        Some(())
    }
}

fn too_many<E: Error>() -> E {
    E::custom("too many texts")
}

/// A string, or a list of strings.
pub(super) enum Texts {
    One(Box<str>),
    Many(Vec<Box<str>>),
}

impl<'de> DeserializeSeed<'de> for &mut TextsLeft {
    type Value = Texts;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Texts, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut TextsLeft {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Texts, E> {
        self.take(1).ok_or_else(too_many)?;
        Ok(Texts::One(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Texts, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = items.next_element()? {
            self.take(1).ok_or_else(too_many)?;
            texts.push(text);
        }
        Ok(Texts::Many(texts))
    }
}

/// Seconds since the epoch, possibly fractional (RFC 7519 §2).
pub(super) struct NumericDate(pub(super) UnixMillis);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = serde_json::Number::deserialize(deserializer)?;
        let date = numeric_date(&seconds).ok_or_else(|| D::Error::custom("not a date"))?;
        Ok(Self(date))
    }
}

/// The latest time that is accepted: the end of the year 9999, as in RFC 3339.
const LATEST: f64 = 253_402_300_800.0;

fn numeric_date(seconds: &serde_json::Number) -> Option<UnixMillis> {
    let seconds = seconds
        .as_f64()
        .filter(|seconds| (0.0..=LATEST).contains(seconds))?;
    std::time::Duration::try_from_secs_f64(seconds)
        .ok()
        .map(UnixMillis::from_duration)
}
