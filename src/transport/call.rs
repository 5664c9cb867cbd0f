//! A call to an upstream, described before it is sent.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use url::Url;

use super::observed::{Attempt, Observed};
use super::retry::RetryPolicy;

/// The size limit of a response with a single object, in bytes.
pub(crate) const OBJECT_LIMIT: usize = 64 * 1024;
/// The size limit of a key set, in bytes.
pub(crate) const KEY_SET_LIMIT: usize = 256 * 1024;
/// The size limit of a response with a machine, in bytes. A machine has up to 150 scopes, each with a
/// name of 255 characters, which take up to twelve bytes each if JSON escapes them.
pub(crate) const MACHINE_LIMIT: usize = 1024 * 1024;
/// The size limit of a page of a list, in bytes.
pub(crate) const PAGE_LIMIT: usize = 1024 * 1024;

/// A request to an upstream, and its limits.
pub(crate) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) body_limit: usize,
    pub(super) retry: RetryPolicy,
    pub(super) observed: Option<Observed>,
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
            observed: None,
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

    /// Sets the body, which is JSON already.
    #[must_use]
    pub(crate) fn json(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )
    }

    /// Counts and traces the attempts of this call.
    #[must_use]
    pub(crate) fn observed(mut self, observed: Option<Observed>) -> Self {
        self.observed = observed;
        self
    }

    /// Begins the attempt of this number.
    pub(super) fn attempt(&self, tries: u32) -> Attempt<'_> {
        Attempt::begin(self.observed.as_ref(), (&self.method, &self.url), tries)
    }

    /// Sets the size limit of the response body, in bytes.
    #[must_use]
    pub(crate) fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }
}
