//! The parameters of a query string.

use url::form_urlencoded;

use super::fields::{Dialect, whole};
use crate::testing::refusal::Refusal;
use crate::testing::request::Call;

/// The decoded pairs of a query string.
pub(super) struct Query {
    pairs: Vec<(String, String)>,
    dialect: Dialect,
}

/// The requested part of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    pub(super) limit: usize,
    pub(super) offset: usize,
}

impl Page {
    /// Returns the page of a list.
    pub(super) fn of<T>(self, items: impl Iterator<Item = T>) -> Vec<T> {
        items.skip(self.offset).take(self.limit).collect()
    }
}

impl Query {
    pub(super) fn of(call: &Call, dialect: Dialect) -> Self {
        let text = call.query.as_deref().unwrap_or_default();
        let pairs = form_urlencoded::parse(text.as_bytes())
            .into_owned()
            .collect();
        Self { pairs, dialect }
    }

    /// The value of a parameter; the last one if it is repeated.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let mut named = self.pairs.iter().rev().filter(|(key, _)| key == name);
        named.next().map(|(_, value)| value.as_str())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| self.dialect.missing(name))
    }

    /// `true` or `false`; absent is `false`.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.text(name) {
            Some("true") => Ok(true),
            None | Some("false") => Ok(false),
            Some(_) => Err(self.dialect.invalid(name, "must be true or false")),
        }
    }

    /// A flag that the OpenAPI document declares nullable: empty and `null` are also `false`.
    pub(super) fn nullable_flag(&self, name: &str) -> Result<bool, Refusal> {
        if matches!(self.text(name), Some("" | "null")) {
            Ok(false)
        } else {
            self.flag(name)
        }
    }

    /// `limit` (10 by default) and `offset` (0 by default).
    pub(super) fn page(&self, most: usize) -> Result<Page, Refusal> {
        let limit = self.whole("limit")?.unwrap_or(10);
        if limit < 1 || limit > most {
            let why = format!("must be between 1 and {most}");
            return Err(self.dialect.invalid("limit", &why));
        }
        Ok(Page {
            limit,
            offset: self.offset()?,
        })
    }

    fn offset(&self) -> Result<usize, Refusal> {
        // The token endpoints declare `offset` nullable.
        let null =
            self.dialect == Dialect::Tokens && matches!(self.text("offset"), Some("" | "null"));
        if null {
            Ok(0)
        } else {
            Ok(self.whole("offset")?.unwrap_or(0))
        }
    }

    /// An integer; the Python client writes 10 as 10.0.
    fn whole(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let number = text.parse::<f64>().ok().and_then(whole);
        let number = number.and_then(|number| usize::try_from(number).ok());
        number
            .map(Some)
            .ok_or_else(|| self.dialect.invalid(name, "must be a whole number"))
    }
}
