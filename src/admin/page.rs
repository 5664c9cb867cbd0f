//! Lists: one page at a time, or all of them as a stream.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::stream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::client::AdminClient;
use super::{input, wire};
use crate::backend::AdminError;
use crate::credential::SecretChoice;
use crate::transport::PAGE_LIMIT;

/// One page of a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
#[non_exhaustive]
pub struct Page<T> {
    /// The items of this page.
    #[serde(alias = "m2m_tokens")]
    pub data: Vec<T>,
    /// The total number of items on all pages, if Clerk returns it.
    #[serde(default, deserialize_with = "wire::count::deserialize")]
    pub total_count: Option<u64>,
}

/// Stream of all items of a list; returned by the `stream` method of a list request.
///
/// Clerk paginates by offset. If items are created or deleted while the stream runs, others may
/// appear twice or be missing. The stream ends after the first error.
#[must_use = "a stream does nothing until it is polled"]
pub struct ItemStream<T>(Pin<Box<dyn Stream<Item = Result<T, AdminError>> + Send>>);

/// A list request of any resource.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    client: AdminClient,
    path: &'static str,
    secret: SecretChoice,
    filters: Vec<(&'static str, String)>,
    limit: Option<u32>,
    offset: u64,
    largest_limit: u32,
    /// The first invalid setting; reported when the list is requested.
    wrong: Option<AdminError>,
}

impl Listing {
    pub(super) fn new(client: &AdminClient, path: &'static str, largest_limit: u32) -> Self {
        Self {
            client: client.clone(),
            path,
            secret: SecretChoice::Instance,
            filters: Vec::new(),
            limit: None,
            offset: 0,
            largest_limit,
            wrong: None,
        }
    }

    /// Keeps the first invalid setting.
    pub(super) fn check(mut self, checked: Result<(), AdminError>) -> Self {
        self.wrong = self.wrong.or_else(|| checked.err());
        self
    }

    pub(super) fn secret(mut self, secret: SecretChoice) -> Self {
        self.secret = secret;
        self
    }

    /// Sets or replaces a filter.
    pub(super) fn filter(mut self, name: &'static str, value: &impl ToString) -> Self {
        self.filters.retain(|(set, _)| *set != name);
        self.filters.push((name, value.to_string()));
        self
    }

    pub(super) const fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    pub(super) const fn offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    pub(super) async fn page<T: DeserializeOwned>(self) -> Result<Page<T>, AdminError> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        if let Some(limit) = self.limit {
            input::limit(limit, self.largest_limit)?;
        }
        let client = self.client.clone();
        let mut query = self.filters;
        query.extend(self.limit.map(|limit| ("limit", limit.to_string())));
        query.extend((self.offset > 0).then(|| ("offset", self.offset.to_string())));
        client
            .read(Method::GET, &[self.path])
            .query(&query)
            .secret(self.secret)
            .body_limit(PAGE_LIMIT)
            .send(&client)
            .await
    }

    /// Requests page after page, with the size that was set or else the largest that Clerk allows.
    pub(super) fn stream<T: DeserializeOwned + Send + 'static>(self) -> ItemStream<T> {
        let limit = self.limit.unwrap_or(self.largest_limit);
        let pages = stream::try_unfold(Some(self.limit(limit)), move |next| async move {
            let Some(listing) = next else { return Ok(None) };
            let page = listing.clone().page::<T>().await?;
            let next = listing.after(&page, limit);
            Ok::<_, AdminError>(Some((stream::iter(page.data).map(Ok), next)))
        });
        ItemStream(Box::pin(pages.try_flatten()))
    }

    /// Returns the request for the next page, if there can be one.
    fn after<T>(&self, page: &Page<T>, limit: u32) -> Option<Self> {
        let count = u64::try_from(page.data.len()).unwrap_or(u64::MAX);
        let seen = self.offset.saturating_add(count);
        let more = match page.total_count {
            Some(total) => count > 0 && seen < total,
            None => count >= u64::from(limit),
        };
        more.then(|| self.clone().offset(seen))
    }
}

impl<T> Stream for ItemStream<T> {
    type Item = Result<T, AdminError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl<T> fmt::Debug for ItemStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemStream").finish_non_exhaustive()
    }
}

/// Writes the methods that every list request has.
macro_rules! list_methods {
    ($item:ty, $largest:literal) => {
        /// Sets the size of a page.
        ///
        /// Clerk's default is 10 items. Streams request the largest size by default.
        #[doc = concat!("\n\nAt most ", $largest, ".")]
        pub fn limit(mut self, limit: u32) -> Self {
            self.listing = self.listing.limit(limit);
            self
        }

        /// Skips this many items.
        pub fn offset(mut self, offset: u64) -> Self {
            self.listing = self.listing.offset(offset);
            self
        }

        /// Gets one page.
        ///
        /// # Errors
        ///
        /// Fails without a call if the limit is out of bounds, and otherwise as described in
        /// [`AdminErrorKind`](crate::AdminErrorKind).
        pub async fn page(self) -> Result<crate::admin::Page<$item>, crate::backend::AdminError> {
            self.listing.page().await
        }

        /// Returns a stream of all items, which requests each page when its first item is polled.
        pub fn stream(self) -> crate::admin::ItemStream<$item> {
            self.listing.stream()
        }
    };
}

pub(super) use list_methods;
