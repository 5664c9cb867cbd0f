//! Reads the members of an answer, each as what it has to be.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::Reason;
use crate::identity::{Actor, CustomClaims, UnixMillis};
use crate::jwt::Checked;
use crate::scope::Scopes;

/// The members of one answer. A member of another type than expected is a broken upstream.
///
/// Each is read when it is asked for: as values, claims would take up to a hundred times the space
/// of their text.
pub(super) struct Fields<'a>(HashMap<String, &'a RawValue>);

/// What a read of a member ends with.
pub(super) type Read<T> = Result<T, Reason>;

impl<'a> Fields<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Read<Self> {
        let text = std::str::from_utf8(body).map_err(|_| Reason::UpstreamAnswer)?;
        read(text)
    }

    fn optional<T: Deserialize<'a>>(&self, key: &str) -> Read<Option<T>> {
        self.0.get(key).map(|value| read(value.get())).transpose()
    }

    /// Reads a text that a decision needs.
    pub(super) fn text(&self, key: &str) -> Read<Box<str>> {
        self.optional_text(key)?.ok_or(Reason::UpstreamAnswer)
    }

    pub(super) fn optional_text(&self, key: &str) -> Read<Option<Box<str>>> {
        Ok(self.optional::<Option<Box<str>>>(key)?.flatten())
    }

    /// Reads a flag that a decision needs.
    pub(super) fn flag(&self, key: &str) -> Read<bool> {
        self.optional_flag(key)?.ok_or(Reason::UpstreamAnswer)
    }

    pub(super) fn optional_flag(&self, key: &str) -> Read<Option<bool>> {
        self.optional(key)
    }

    /// Reads a time that a decision needs; `null` stands for never.
    pub(super) fn time(&self, key: &str) -> Read<Option<UnixMillis>> {
        let number = self.optional::<Option<f64>>(key)?;
        let time = number
            .ok_or(Reason::UpstreamAnswer)?
            .map(UnixMillis::from_clerk);
        time.map(|time| time.ok_or(Reason::UpstreamAnswer))
            .transpose()
    }

    /// Reads a time that nothing depends on.
    pub(super) fn optional_time(&self, key: &str) -> Option<UnixMillis> {
        let number = self.optional::<Option<f64>>(key).ok().flatten().flatten();
        number.and_then(UnixMillis::from_clerk)
    }

    /// Reads a text or a list of texts (RFC 7519 §4.1.3); `null` counts as absent.
    pub(super) fn texts(&self, key: &str) -> Read<Option<Vec<Box<str>>>> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Texts {
            One(Box<str>),
            Many(Vec<Box<str>>),
        }
        let texts = self.optional::<Option<Texts>>(key)?.flatten();
        Ok(texts.map(|texts| match texts {
            Texts::One(text) => vec![text],
            Texts::Many(texts) => texts,
        }))
    }

    /// Reads a list of texts; an absent one is empty.
    pub(super) fn scopes(&self) -> Read<Scopes> {
        let list = self.optional::<Vec<Box<str>>>("scopes")?;
        Ok(list.map(Scopes::of_list).unwrap_or_default())
    }

    /// Reads the identifier of the token, by which it can be revoked.
    pub(super) fn id(&self) -> Read<Box<str>> {
        let id = self.text("id")?;
        if id.is_empty() {
            return Err(Reason::UpstreamAnswer);
        }
        Ok(id)
    }

    pub(super) fn actor(&self) -> Read<Option<Box<Actor>>> {
        Ok(self.optional::<Option<Box<Actor>>>("act")?.flatten())
    }

    /// Takes the claims as text, once they are known to be legal JSON.
    pub(super) fn claims(&self) -> Read<Option<CustomClaims>> {
        let text = self.0.get("claims").map(|value| value.get());
        let Some(text) = text.filter(|text| *text != "null") else {
            return Ok(None);
        };
        read::<Checked>(text)?;
        Ok(Some(CustomClaims::of_text(text.into(), &[])))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of Clerk")
    }

    /// A member that stands there twice could be read in two ways (RFC 8259 §4).
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Fields<'de>, A::Error> {
        let mut read = HashMap::new();
        while let Some((key, value)) = members.next_entry::<String, &'de RawValue>()? {
            if read.insert(key, value).is_some() {
                return Err(A::Error::custom("duplicate member"));
            }
        }
        Ok(Fields(read))
    }
}

fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Read<T> {
    serde_json::from_str(json).map_err(|_| Reason::UpstreamAnswer)
}
