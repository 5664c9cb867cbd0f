//! The claims that the sender of a token chose, read when somebody asks for them.

use std::fmt;
use std::sync::OnceLock;

use serde_json::{Map, Value};

/// Custom claims: JSON that was checked, and is made into values at first need.
///
/// Many services never look at them; and as values they take many times the space of their text.
#[derive(Clone)]
pub(crate) struct CustomClaims {
    text: Box<str>,
    left_out: &'static [&'static str],
    value: OnceLock<Value>,
}

impl CustomClaims {
    /// Takes the text of an object, of which some members are left out.
    pub(crate) const fn of_text(text: Box<str>, left_out: &'static [&'static str]) -> Self {
        Self {
            text,
            left_out,
            value: OnceLock::new(),
        }
    }

    pub(crate) fn value(&self) -> &Value {
        self.value.get_or_init(|| self.read())
    }

    fn read(&self) -> Value {
        // Never the default: the text was read once before.
        let mut members: Map<String, Value> = serde_json::from_str(&self.text).unwrap_or_default();
        members.retain(|name, _| !self.left_out.contains(&name.as_str()));
        Value::Object(members)
    }
}

impl From<Value> for CustomClaims {
    fn from(value: Value) -> Self {
        Self {
            text: Box::default(),
            left_out: &[],
            value: value.into(),
        }
    }
}

impl PartialEq for CustomClaims {
    fn eq(&self, other: &Self) -> bool {
        self.value() == other.value()
    }
}

impl fmt::Debug for CustomClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}
