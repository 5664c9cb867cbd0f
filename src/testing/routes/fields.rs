//! The members of a JSON body, read one by one; the rest is unknown.

use serde_json::{Map, Value};

use crate::testing::refusal::Refusal;
use crate::testing::request::Call;

/// The family of endpoints, which have different errors for the same mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `/machines`: 422 `form_param_*`.
    Machines,
    /// `/m2m_tokens`, `/api_keys`, `/oauth_applications`: 400 `bad_request`.
    Tokens,
}

impl Dialect {
    pub(super) fn invalid(self, name: &str, why: &str) -> Refusal {
        match self {
            Self::Machines => Refusal::param_invalid(name, why),
            Self::Tokens => Refusal::bad_request(format!("Invalid '{name}': {why}")),
        }
    }

    pub(super) fn missing(self, name: &str) -> Refusal {
        match self {
            Self::Machines => Refusal::param_missing(name),
            Self::Tokens => Refusal::bad_request(format!("Invalid '{name}': required")),
        }
    }

    fn unknown(self, name: &str) -> Refusal {
        match self {
            Self::Machines => Refusal::param_unknown(name),
            Self::Tokens => Refusal::bad_request(format!("Unrecognized key: '{name}'")),
        }
    }
}

/// The requested expiry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Expiry {
    /// The member is absent.
    Absent,
    /// The member is `null`.
    Null,
    /// This many milliseconds from now.
    After(u64),
}

/// The members of a body that have not been read yet.
#[derive(Debug)]
pub(super) struct Fields {
    members: Map<String, Value>,
    dialect: Dialect,
}

impl Fields {
    /// Parses the body; an absent one has no members.
    pub(super) fn of(call: &Call, dialect: Dialect) -> Result<Self, Refusal> {
        if call.body.is_empty() {
            return Ok(Self {
                members: Map::new(),
                dialect,
            });
        }
        if !is_json(call.header("content-type").unwrap_or_default()) {
            return Err(Refusal::body_invalid(
                "The Content-Type must be application/json",
            ));
        }
        match serde_json::from_slice(&call.body) {
            Ok(Value::Object(members)) => Ok(Self { members, dialect }),
            _ => Err(Refusal::body_invalid("The body must be a JSON object")),
        }
    }

    /// Parses a required body.
    pub(super) fn required(call: &Call, dialect: Dialect) -> Result<Self, Refusal> {
        if call.body.is_empty() {
            return Err(Refusal::body_invalid("The request needs a body"));
        }
        Self::of(call, dialect)
    }

    pub(super) fn any(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name)
    }

    /// Text that may be absent.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.members.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.dialect.invalid(name, "must be a string")),
        }
    }

    /// Text that may be absent (outer) or `null` (inner).
    pub(super) fn nullable_text(&mut self, name: &str) -> Result<Option<Option<String>>, Refusal> {
        if self.members.get(name).is_some_and(Value::is_null) {
            self.members.remove(name);
            return Ok(Some(None));
        }
        Ok(self.text(name)?.map(Some))
    }

    pub(super) fn required_text(&mut self, name: &str) -> Result<String, Refusal> {
        self.text(name)?.ok_or_else(|| self.dialect.missing(name))
    }

    pub(super) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, Refusal> {
        let wrong = self.dialect.invalid(name, "must be an array of strings");
        match self.members.remove(name) {
            None => Ok(None),
            Some(Value::Array(items)) => {
                let text = |item: Value| item.as_str().map(str::to_owned);
                items
                    .into_iter()
                    .map(text)
                    .collect::<Option<Vec<_>>>()
                    .map(Some)
                    .ok_or(wrong)
            }
            Some(_) => Err(wrong),
        }
    }

    /// An integer in a range. The Python client writes 10 as 10.0.
    pub(super) fn whole(
        &mut self,
        name: &str,
        least: u64,
        most: u64,
    ) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.members.remove(name) else {
            return Ok(None);
        };
        let number = value.as_u64().or_else(|| value.as_f64().and_then(whole));
        let number = number.filter(|number| (least..=most).contains(number));
        let why = format!("must be a whole number between {least} and {most}");
        number
            .map(Some)
            .ok_or_else(|| self.dialect.invalid(name, &why))
    }

    /// `seconds_until_expiration`: a positive number, fractions included.
    pub(super) fn expiry(&mut self) -> Result<Expiry, Refusal> {
        const NAME: &str = "seconds_until_expiration";
        match self.members.remove(NAME) {
            None => Ok(Expiry::Absent),
            Some(Value::Null) => Ok(Expiry::Null),
            Some(value) => value
                .as_f64()
                .filter(|seconds| *seconds > 0.0)
                .map(|seconds| Expiry::After(millis(seconds)))
                .ok_or_else(|| {
                    self.dialect
                        .invalid(NAME, "must be a number greater than 0")
                }),
        }
    }

    /// Rejects members that have not been read.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        match self.members.keys().next() {
            Some(name) => Err(self.dialect.unknown(name)),
            None => Ok(()),
        }
    }
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// A float without a fraction, as an integer.
pub(super) fn whole(number: f64) -> Option<u64> {
    let fits = (0.0..=9_007_199_254_740_992.0).contains(&number) && number.fract() == 0.0;
    // In range and without a fraction: nothing is lost.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fits.then_some(number as u64)
}

/// Milliseconds, at least one, at most what a JavaScript `Date` can hold.
fn millis(seconds: f64) -> u64 {
    whole((seconds * 1000.0).clamp(1.0, 8.64e15).round()).unwrap_or(1)
}
