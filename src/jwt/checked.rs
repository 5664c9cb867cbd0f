//! Validates JSON that is not needed yet, without building values.
//!
//! The parts that no decision needs are only checked: legal syntax, bounded nesting, and no duplicate
//! members. RFC 7515 §4 and RFC 7519 §4 let a parser reject duplicates or use the last one. Two parsers
//! that choose differently may read two different tokens (RFC 8725 §2.6), so duplicates are rejected
//! here. The parser bounds the nesting at 128.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Any legal value.
pub(crate) struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CheckedVisitor)
    }
}

struct CheckedVisitor;

impl<'de> Visitor<'de> for CheckedVisitor {
    type Value = Checked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate members")
    }

    fn visit_unit<E: Error>(self) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Checked, E> {
        Ok(Checked)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Checked, A::Error> {
        while items.next_element::<Checked>()?.is_some() {}
        Ok(Checked)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Checked, A::Error> {
        let mut names = Names::default();
        while let Some(name) = members.next_key()? {
            names.add(name);
            members.next_value::<Checked>()?;
        }
        names.check()?;
        Ok(Checked)
    }
}

/// The name of a member, or another text. Borrowed if it contains no escapes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name<'a>(Cow<'a, str>);

impl Name<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight bytes as a number, so that most comparisons compare numbers.
    fn prefix(&self) -> u64 {
        let mut prefix = [0; 8];
        for (to, from) in prefix.iter_mut().zip(self.0.as_bytes()) {
            *to = *from;
        }
        u64::from_be_bytes(prefix)
    }
}

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(name.into()))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name<'de>, E> {
        Ok(Name(name.to_owned().into()))
    }
}

/// The names of the members of one object.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    first: Option<Name<'a>>,
    /// Empty, and without an allocation, for an object with one member.
    others: Vec<Name<'a>>,
}

/// Up to this many names, comparing all pairs is the fastest way to find duplicates.
const FEW: usize = 12;

impl<'a> Names<'a> {
    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()).saturating_add(self.others.len())
    }

    pub(super) fn add(&mut self, name: Name<'a>) {
        if self.first.is_none() {
            self.first = Some(name);
        } else {
            self.others.push(name);
        }
    }

    /// Returns an error if a name occurs twice.
    pub(super) fn check<E: Error>(self) -> Result<(), E> {
        if self.are_distinct() {
            Ok(())
        } else {
            Err(E::custom("duplicate member"))
        }
    }

    fn are_distinct(self) -> bool {
        let Self { first, others } = self;
        if first.is_some_and(|first| others.contains(&first)) {
            return false;
        }
        if others.len() > FEW {
            return are_many_distinct(&others);
        }
        let mut rest = others.as_slice();
        while let [first, others @ ..] = rest {
            if others.contains(first) {
                return false;
            }
            rest = others;
        }
        true
    }
}

/// Returns `true` if no name occurs twice. Sorts the names by their prefixes first.
fn are_many_distinct(names: &[Name<'_>]) -> bool {
    let mut names: Vec<_> = names.iter().map(|name| (name.prefix(), &name.0)).collect();
    names.sort_unstable();
    names.is_sorted_by(|a, b| a != b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_legal(text: &str) -> bool {
        serde_json::from_str::<Checked>(text).is_ok()
    }

    #[test]
    fn rule_6_duplicate_members_are_seen_among_few_and_among_many() {
        for count in [1, 2, FEW - 1, FEW, FEW + 1, 500] {
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
}
