//! A response before it is sent.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Map, Value, json};

use super::ids;
use super::refusal::Refusal;

/// Status, headers and body.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Reply {
    /// The `Content-Type` has no charset: with one, the JavaScript client does not read the JSON.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        Self {
            status,
            headers,
            body: Bytes::from(body.to_string()),
        }
    }

    pub(super) fn ok(body: &Value) -> Self {
        Self::json(200, body)
    }

    /// Plain text for humans, which no browser interprets as something else.
    pub(super) fn text(status: u16, body: &str) -> Self {
        let mut reply = Self::empty(status)
            .with(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        reply.body = Bytes::copy_from_slice(body.as_bytes());
        reply
    }

    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// Sets a header; an invalid one is omitted.
    pub(super) fn with(mut self, name: header::HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Clerk's error body.
    pub(super) fn refusal(refusal: &Refusal) -> Self {
        let trace = ids::trace_id();
        let mut error = Map::new();
        error.insert("message".to_owned(), json!(refusal.message));
        error.insert("long_message".to_owned(), json!(refusal.long_message));
        error.insert("code".to_owned(), json!(refusal.code));
        if let Some(param) = &refusal.param {
            error.insert("meta".to_owned(), json!({ "param_name": param }));
        }
        let body = json!({ "errors": [error], "clerk_trace_id": trace });
        let reply = Self::json(refusal.status, &body);
        match refusal.retry_after {
            Some(seconds) => reply.with(header::RETRY_AFTER, &seconds.to_string()),
            None => reply,
        }
    }
}
