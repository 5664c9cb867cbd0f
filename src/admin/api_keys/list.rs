//! Listing the keys of a subject.

use super::model::ApiKeyInfo;
use crate::admin::client::AdminClient;
use crate::admin::input::{self, SUBJECTS};
use crate::admin::page::{Listing, list_methods};
use crate::backend::AdminError;

/// A request for keys; see [`ApiKeys::list`](super::ApiKeys::list).
#[derive(Debug, Clone)]
#[must_use = "nothing is sent before `page` or `stream` is called"]
pub struct ListApiKeys {
    listing: Listing,
}

impl ListApiKeys {
    pub(super) fn new(client: &AdminClient, subject: &str) -> Self {
        let checked = input::key_subject("subject", subject, &SUBJECTS);
        let listing = Listing::new(client, super::API_KEYS, 100)
            .check(checked)
            .filter("subject", &subject);
        Self { listing }
    }

    /// Lists only keys of this type (at least three characters); `api_key` is Clerk's default.
    pub fn key_type(mut self, key_type: impl Into<String>) -> Self {
        let key_type = key_type.into();
        let checked = match key_type.chars().count() {
            0..3 => Err(AdminError::invalid(
                "type",
                "has fewer than three characters",
            )),
            _ => Ok(()),
        };
        self.listing = self.listing.check(checked).filter("type", &key_type);
        self
    }

    /// Includes revoked and expired keys.
    pub fn include_invalid(mut self, include: bool) -> Self {
        self.listing = self.listing.filter("include_invalid", &include);
        self
    }

    /// Lists only keys that match this text.
    pub fn query(mut self, text: impl Into<String>) -> Self {
        self.listing = self.listing.filter("query", &text.into());
        self
    }

    list_methods!(ApiKeyInfo, "100");
}
