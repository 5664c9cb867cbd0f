//! The claims that the sender of a token chose, read when somebody asks for them.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::scope::Scopes;

/// Custom claims: the text of JSON that was checked.
///
/// Many services never look at them, and as values they take up to a hundred times the space of
/// their text. A cached verdict holds the text only.
#[derive(Clone)]
pub(crate) struct CustomClaims {
    text: Box<str>,
    left_out: &'static [&'static str],
}

impl CustomClaims {
    /// Takes JSON text; of an object, some members are left out.
    pub(crate) const fn of_text(text: Box<str>, left_out: &'static [&'static str]) -> Self {
        Self { text, left_out }
    }

    /// Returns the length of the text in bytes.
    pub(super) const fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn read(&self) -> Value {
        // Never the default: the text was read once before.
        let mut value: Value = serde_json::from_str(&self.text).unwrap_or_default();
        if let Value::Object(members) = &mut value {
            members.retain(|name, _| !self.left_out.contains(&name.as_str()));
        }
        value
    }

    /// Reads the claim `scopes`, a list or a string, where the sender set one.
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

/// The most scopes that a sender's own claim adds: as many as a JWT may list.
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

/// The claims as values, kept by the one who asked for them and by clones of it.
///
/// What the cache holds was never asked, so its size is that of the text.
#[derive(Clone, Default)]
pub(super) struct ReadClaims(OnceLock<Arc<Value>>);

impl ReadClaims {
    pub(super) fn of(&self, claims: &CustomClaims) -> &Value {
        self.0.get_or_init(|| Arc::new(claims.read()))
    }
}

impl PartialEq for ReadClaims {
    /// They follow from the text.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for ReadClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
