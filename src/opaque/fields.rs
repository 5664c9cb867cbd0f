//! Reads the members of an answer, each as what it has to be.

use serde_json::{Map, Value};

use crate::error::Reason;
use crate::identity::UnixMillis;
use crate::scope::Scopes;

/// The members of one answer. A member of another type than expected is a broken upstream.
pub(super) struct Fields(Map<String, Value>);

/// What a read of a member ends with.
pub(super) type Read<T> = Result<T, Reason>;

impl Fields {
    pub(super) fn parse(body: &[u8]) -> Read<Self> {
        serde_json::from_slice(body)
            .map(Self)
            .map_err(|_| Reason::UpstreamAnswer)
    }

    /// Reads a text that a decision needs.
    pub(super) fn text(&self, name: &str) -> Read<Box<str>> {
        self.optional_text(name)?.ok_or(Reason::UpstreamAnswer)
    }

    pub(super) fn optional_text(&self, name: &str) -> Read<Option<Box<str>>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str().into())),
            Some(_) => Err(Reason::UpstreamAnswer),
        }
    }

    /// Reads a flag that a decision needs.
    pub(super) fn flag(&self, name: &str) -> Read<bool> {
        self.optional_flag(name)?.ok_or(Reason::UpstreamAnswer)
    }

    pub(super) fn optional_flag(&self, name: &str) -> Read<Option<bool>> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(Reason::UpstreamAnswer),
        }
    }

    /// Reads a time that a decision needs; `null` stands for never.
    pub(super) fn time(&self, name: &str) -> Read<Option<u64>> {
        match self.0.get(name) {
            Some(Value::Null) => Ok(None),
            Some(Value::Number(time)) => time.as_u64().map(Some).ok_or(Reason::UpstreamAnswer),
            _ => Err(Reason::UpstreamAnswer),
        }
    }

    /// Reads a time that nothing depends on.
    pub(super) fn optional_time(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    /// Reads a list of texts; an absent one is empty.
    pub(super) fn texts(&self, name: &str) -> Read<Option<Vec<Box<str>>>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text.as_str().into()])),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(Box::from).ok_or(Reason::UpstreamAnswer))
                .collect::<Read<_>>()
                .map(Some),
            Some(_) => Err(Reason::UpstreamAnswer),
        }
    }

    pub(super) fn scopes(&self) -> Read<Scopes> {
        Ok(self
            .texts("scopes")?
            .map(Scopes::from_iter)
            .unwrap_or_default())
    }

    pub(super) fn claims(&mut self) -> Option<Value> {
        self.0.remove("claims").filter(|claims| !claims.is_null())
    }
}

/// Clerk's times are milliseconds, save that OAuth's may be seconds: their unit is told by size.
///
/// 10¹¹ seconds is the year 5138, and 10¹¹ milliseconds was 1973.
pub(super) fn millis(time: u64) -> UnixMillis {
    const FIRST_MILLIS: u64 = 100_000_000_000;
    if time < FIRST_MILLIS {
        UnixMillis(time.saturating_mul(1_000))
    } else {
        UnixMillis(time)
    }
}
