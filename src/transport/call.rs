//! One call to an upstream, written down before it is sent.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use url::Url;

use super::retry::RetryPolicy;

/// The largest answer to a look-up of one object.
pub(crate) const OBJECT_LIMIT: usize = 64 * 1024;
/// The largest key set.
pub(crate) const KEY_SET_LIMIT: usize = 256 * 1024;
/// The largest answer about a machine: 150 scopes, each with a name of 255 characters, which take
/// up to twelve bytes each where JSON escapes them.
pub(crate) const MACHINE_LIMIT: usize = 1024 * 1024;
/// The largest page of a listing.
pub(crate) const PAGE_LIMIT: usize = 1024 * 1024;

/// A request to an upstream, with the bounds it runs under.
pub(crate) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) body_limit: usize,
    pub(super) retry: RetryPolicy,
}

impl Call {
    pub(crate) fn new(method: Method, url: Url, retry: RetryPolicy) -> Self {
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        Self {
            method,
            url,
            headers,
            body,
            body_limit: OBJECT_LIMIT,
            retry,
        }
    }

    pub(crate) fn get(url: Url, retry: RetryPolicy) -> Self {
        Self::new(Method::GET, url, retry)
    }

    pub(crate) fn post(url: Url, retry: RetryPolicy) -> Self {
        Self::new(Method::POST, url, retry)
    }

    #[must_use]
    pub(crate) fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sends a body that is already JSON.
    #[must_use]
    pub(crate) fn json(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )
    }

    /// Reads at most `bytes` of the answer's body.
    #[must_use]
    pub(crate) fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }
}
