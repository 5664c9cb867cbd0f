//! Validates JSON that is not needed yet, without building values.
//!
//! The parts that no decision needs are only checked: legal syntax, bounded nesting, a bounded number of
//! values, and no duplicate members. RFC 7515 §4 and RFC 7519 §4 let a parser reject duplicates or use
//! the last one. Two parsers that choose differently may read two different tokens (RFC 8725 §2.6), so
//! duplicates are rejected here. The parser bounds the nesting at 128.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The maximum number of values in the claims of a token, or in its header, nested ones included.
///
/// A short value costs about as much time as a long one. A token of 8 KiB has room for thousands, and
/// all are parsed before the signature is verified. Clerk's own claims are about ten.
const MAX_VALUES: usize = 256;

/// Any legal value.
pub(crate) struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut checker = Checker::with_room(usize::MAX);
        checker.deserialize(deserializer).map(|()| Self)
    }
}

/// Checks the values of one text, one after the other.
#[derive(Debug)]
pub(super) struct Checker<'de> {
    /// How many more values may come.
    room: usize,
    /// The names of the members of every object that is being read, the innermost last; each behind
    /// its first sixteen bytes as a number, so that most comparisons are of numbers.
    names: Vec<(u128, Name<'de>)>,
    /// Those that were written with escapes.
    unescaped: String,
}

/// As many names as the claims of a token of Clerk's have.
const USUAL_NAMES: usize = 12;

impl Default for Checker<'_> {
    fn default() -> Self {
        Self::with_room(MAX_VALUES)
    }
}

impl<'de> Checker<'de> {
    fn with_room(room: usize) -> Self {
        Self {
            room,
            names: Vec::with_capacity(USUAL_NAMES),
            unescaped: String::new(),
        }
    }

    /// Counts so many more values; those of members are counted as they are read.
    pub(super) fn count<E: Error>(&mut self, values: usize) -> Result<(), E> {
        let left = self.room.checked_sub(values);
        self.room = left.ok_or_else(|| E::custom("too many values"))?;
        Ok(())
    }

    /// Reads the members of an object, each by what its name stands for, and refuses it if two of
    /// them have one name.
    pub(super) fn members<A: MapAccess<'de>, K>(
        &mut self,
        mut members: A,
        kind: impl Fn(&str) -> K,
        mut read: impl FnMut(&mut Self, K, &mut A) -> Result<(), A::Error>,
    ) -> Result<(), A::Error> {
        let (start, unescaped) = (self.names.len(), self.unescaped.len());
        while let Some(name) = members.next_key_seed(NameSeed(&mut self.unescaped))? {
            self.count(1)?;
            let text = name.text(&self.unescaped);
            let (prefix, kind) = (prefix(text), kind(text));
            read(self, kind, &mut members)?;
            self.names.push((prefix, name));
        }
        if !self.are_distinct(start) {
            return Err(A::Error::custom("duplicate member"));
        }
        self.names.truncate(start);
        self.unescaped.truncate(unescaped);
        Ok(())
    }

    /// Sorts the names from this one on, and compares neighbours.
    fn are_distinct(&mut self, start: usize) -> bool {
        let names = self.names.get_mut(start..).unwrap_or_default();
        let compare = |a: &(u128, Name<'_>), b: &(u128, Name<'_>)| {
            let texts = || a.1.text(&self.unescaped).cmp(b.1.text(&self.unescaped));
            a.0.cmp(&b.0).then_with(texts)
        };
        names.sort_unstable_by(compare);
        names.is_sorted_by(|a, b| compare(a, b).is_lt())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Checker<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Checker<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate members")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(&mut *self)?.is_some() {
            self.count(1)?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        self.members(
            members,
            |_| (),
            |checker, (), from| from.next_value_seed(checker),
        )
    }
}

/// The name of a member.
#[derive(Debug)]
enum Name<'de> {
    Borrowed(&'de str),
    /// Where it stands among the names that were written with escapes.
    Unescaped(Range<usize>),
}

impl Name<'_> {
    fn text<'a>(&'a self, unescaped: &'a str) -> &'a str {
        match self {
            Self::Borrowed(text) => text,
            Self::Unescaped(range) => unescaped.get(range.clone()).unwrap_or_default(),
        }
    }
}

/// Returns the first sixteen bytes as a number that sorts as they do.
fn prefix(name: &str) -> u128 {
    let name = name.as_bytes();
    if let Some(prefix) = name.first_chunk() {
        return u128::from_be_bytes(*prefix);
    }
    let mut prefix = [0; 16];
    for (to, from) in prefix.iter_mut().zip(name) {
        *to = *from;
    }
    u128::from_be_bytes(prefix)
}

/// Reads a name; one with escapes is put behind the others.
struct NameSeed<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = Name<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed<'_> {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Name<'de>, E> {
        Ok(Name::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name<'de>, E> {
        let start = self.0.len();
        self.0.push_str(name);
        Ok(Name::Unescaped(start..self.0.len()))
    }
}

/// A text, borrowed where it holds no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_legal(text: &str) -> bool {
        serde_json::from_str::<Checked>(text).is_ok()
    }

    #[test]
    fn rule_6_duplicate_members_are_seen_among_few_and_among_many() {
        for count in [1, 2, 3, 12, 20, 21, 500] {
            let members = |first: &str, last: &str| {
                let between = (1..count).map(|n| format!(",\"some name {n}\":0"));
                let between = between.collect::<String>();
                format!("{{\"{first}\":0{between},\"{last}\":0}}")
            };
            let others = [("a", "b"), ("some", "some name")];
            assert!(
                others.iter().all(|(a, b)| is_legal(&members(a, b))),
                "{count}"
            );
            assert!(!is_legal(&members("a", "a")), "{count}");
            if count > 1 {
                assert!(!is_legal(&members("some name 1", "a")), "{count}");
                assert!(!is_legal(&members("a", "some\\u0020name 1")), "{count}");
            }
        }
    }

    #[test]
    fn rule_6_what_is_read_past_is_legal_json() {
        for text in [
            "[0",
            "{\"a\"}",
            "\"\\ud800\"",
            "1e400",
            "[{\"a\":1,\"a\":1}]",
            "nul",
            "01",
            "\"\t\"",
        ] {
            assert!(!is_legal(text), "{text}");
        }
        assert!(is_legal(
            r#"[null,true,-1,2,0.5,"s\n",{"a":{"b":[]},"c":{"b":1}}]"#
        ));
        assert!(!is_legal(&"[".repeat(100_000)));
    }

    #[test]
    fn rule_6_members_are_compared_within_their_own_object() {
        for text in [
            r#"{"a":{"a":{"b":1},"b":1},"b":1}"#,
            r#"{"b":{"c":1,"d":2},"c":[{"c":1},{"c":1}],"d":1}"#,
        ] {
            assert!(is_legal(text), "{text}");
        }
        for text in [
            r#"{"a":{"b":1},"c":{"d":1},"a":1}"#,
            r#"{"a":{"b":{"c":1},"d":1,"b":1}}"#,
            r#"[{"c":1},{"c":1,"d":{},"c":1}]"#,
        ] {
            assert!(!is_legal(text), "{text}");
        }
    }
}
