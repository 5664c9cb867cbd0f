//! The types of claims for which JSON has more than one representation.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::checked::Checker;
use crate::identity::UnixMillis;
use crate::scope::Scopes;

impl<'de> Checker<'de> {
    /// Parses a string, or a list of strings.
    pub(super) fn list<A: MapAccess<'de>>(
        &mut self,
        from: &mut A,
    ) -> Result<Vec<Box<str>>, A::Error> {
        match from.next_value_seed(TextsSeed(self))? {
            Texts::One(text) => Ok(vec![text]),
            Texts::Many(texts) => Ok(texts),
        }
    }

    /// Parses a space-delimited list, each part of which counts as a value, or a list of strings.
    pub(super) fn scopes<A: MapAccess<'de>>(&mut self, from: &mut A) -> Result<Scopes, A::Error> {
        match from.next_value_seed(TextsSeed(self))? {
            Texts::One(list) => {
                self.count(list.bytes().filter(|byte| *byte == b' ').count())?;
                Ok(Scopes::parse(&list))
            }
            Texts::Many(texts) => Ok(texts.into_iter().collect()),
        }
    }
}

/// A string, or a list of strings.
enum Texts {
    One(Box<str>),
    Many(Vec<Box<str>>),
}

struct TextsSeed<'a, 'de>(&'a mut Checker<'de>);

impl<'de> DeserializeSeed<'de> for TextsSeed<'_, 'de> {
    type Value = Texts;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Texts, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextsSeed<'_, 'de> {
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
            self.0.count(1)?;
            texts.push(text);
        }
        Ok(Texts::Many(texts))
    }
}

/// Seconds since the epoch, possibly fractional (RFC 7519 §2).
pub(super) struct NumericDate(pub(super) UnixMillis);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(DateVisitor).map(Self)
    }
}

struct DateVisitor;

/// The latest time that is accepted: the end of the year 9999, as in RFC 3339.
const LATEST: u64 = 253_402_300_800;

impl Visitor<'_> for DateVisitor {
    type Value = UnixMillis;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds since the epoch, up to the year 9999")
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<UnixMillis, E> {
        let date = Duration::from_secs(seconds);
        let is_known = seconds <= LATEST;
        is_known
            .then(|| UnixMillis::from_duration(date))
            .ok_or_else(|| E::custom("not a date"))
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<UnixMillis, E> {
        let known = (0.0..=LATEST as f64).contains(&seconds);
        let date = known
            .then(|| Duration::try_from_secs_f64(seconds).ok())
            .flatten();
        date.map(UnixMillis::from_duration)
            .ok_or_else(|| E::custom("not a date"))
    }
}
