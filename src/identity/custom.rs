//! The claims that the sender of a token chose, parsed on demand.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::scope::Scopes;

/// Custom claims, stored as checked JSON text.
///
/// Many services never read them, and parsed claims take up to a hundred times the memory of their
/// text. A cached verdict contains the text only.
#[derive(Clone)]
pub(crate) struct CustomClaims {
    text: Box<str>,
    left_out: &'static [&'static str],
}

impl CustomClaims {
    /// Creates claims from JSON text. The members in `left_out` of an object are skipped.
    pub(crate) const fn of_text(text: Box<str>, left_out: &'static [&'static str]) -> Self {
        Self { text, left_out }
    }

    /// Returns the length of the text in bytes.
    pub(super) const fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn read(&self) -> Value {
        // Never the default: the text was parsed successfully before.
        let mut value: Value = serde_json::from_str(&self.text).unwrap_or_default();
        if let Value::Object(members) = &mut value {
            members.retain(|name, _| !self.left_out.contains(&name.as_str()));
        }
        value
    }

    /// Returns the sender's claim `scopes`, a list or a string.
    pub(super) fn scopes(&self) -> Scopes {
        match self.read().get("scopes") {
            Some(Value::String(list)) => list.split(' ').take(MAX_SCOPES).collect(),
            Some(Value::Array(items)) => items
                .iter()
                .filter_map(Value::as_str)
                .take(MAX_SCOPES)
                .collect(),
            _ => Scopes::default(),
        }
    }
}

/// The maximum number of scopes from a sender's own claim: as many as a JWT may list.
const MAX_SCOPES: usize = 256;

impl PartialEq for CustomClaims {
    fn eq(&self, other: &Self) -> bool {
        self.read() == other.read()
    }
}

impl fmt::Debug for CustomClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read().fmt(f)
    }
}

/// The parsed claims, stored by the identity that parsed them and by clones of it.
///
/// The cached identity never parses its claims, so its size is that of the text.
#[derive(Clone, Default)]
pub(super) struct ReadClaims(OnceLock<Arc<Value>>);

impl ReadClaims {
    pub(super) fn of(&self, claims: &CustomClaims) -> &Value {
        self.0.get_or_init(|| Arc::new(claims.read()))
    }
}

impl PartialEq for ReadClaims {
    /// Always equal: the values follow from the text.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for ReadClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
