//! Faults of a single call.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;

use super::reply::Reply;

/// A fault of Clerk, or of the network in between.
///
/// A fault either replaces the operation ([`status`](Self::status), [`hang`](Self::hang), …), so
/// that nothing changes on the server, or performs the operation and alters the response
/// ([`altered`](Self::altered), [`truncated_body`](Self::truncated_body), …).
#[derive(Clone)]
pub struct Fault {
    delay: Duration,
    applies: bool,
    status: Option<u16>,
    headers: HeaderMap,
    body: Option<Bytes>,
    delivery: Delivery,
}

/// How the response is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Whole,
    /// Not at all; the connection stays open.
    Hang,
    /// Not at all; the connection is closed gracefully.
    Drop,
    /// Not at all; the connection is reset.
    Reset,
    /// Half of it, then the connection is closed.
    Truncated,
    /// A number of bytes per interval.
    Slow {
        bytes: usize,
        every: Duration,
    },
}

impl Fault {
    fn new(applies: bool, delivery: Delivery) -> Self {
        Self {
            delay: Duration::ZERO,
            applies,
            status: None,
            headers: HeaderMap::new(),
            body: None,
            delivery,
        }
    }

    /// Responds with this status and Clerk's error body for it, instead of performing the
    /// operation.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::new(false, Delivery::Whole).with_status(status)
    }

    /// Performs the operation after this delay.
    #[must_use]
    pub fn delay(by: Duration) -> Self {
        Self::altered().after(by)
    }

    /// Performs the operation; the parts that the modifiers set are replaced in the response.
    #[must_use]
    pub fn altered() -> Self {
        Self::new(true, Delivery::Whole)
    }

    /// Accepts the request and never responds.
    #[must_use]
    pub fn hang() -> Self {
        Self::new(false, Delivery::Hang)
    }

    /// Closes the connection without a response.
    #[must_use]
    pub fn drop_connection() -> Self {
        Self::new(false, Delivery::Drop)
    }

    /// Resets the connection (TCP RST) without a response.
    #[must_use]
    pub fn reset_connection() -> Self {
        Self::new(false, Delivery::Reset)
    }

    /// Performs the operation, then closes the connection: the change takes effect, but its
    /// response is lost.
    #[must_use]
    pub fn drop_after_applying() -> Self {
        Self::drop_connection().applied()
    }

    /// Performs the operation, sends half of the response body, then closes the connection (with
    /// HTTP/2, the stream).
    #[must_use]
    pub fn truncated_body() -> Self {
        Self::new(true, Delivery::Truncated)
    }

    /// Performs the operation, and sends the response body at this pace.
    #[must_use]
    pub fn slow_body(bytes: usize, every: Duration) -> Self {
        Self::new(
            true,
            Delivery::Slow {
                bytes: bytes.max(1),
                every,
            },
        )
    }

    /// Waits (in real time) before everything else.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Applies the change on the server, although the response says otherwise.
    #[must_use]
    pub fn applied(mut self) -> Self {
        self.applies = true;
        self
    }

    /// Sets the status of the response.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets a header of the response.
    ///
    /// # Panics
    ///
    /// Panics if the name or the value is not valid in HTTP.
    #[must_use]
    #[track_caller]
    #[expect(
        clippy::expect_used,
        reason = "a mistake in a test must not pass unseen"
    )]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("a header name fit for HTTP");
        let value = HeaderValue::try_from(value).expect("a header value fit for HTTP");
        self.headers.insert(name, value);
        self
    }

    /// Sets the exact body of the response; empty for no body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub(super) fn waits(&self) -> Duration {
        self.delay
    }

    pub(super) fn applies(&self) -> bool {
        self.applies
    }

    pub(super) fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// Turns the real response, if there is one, into the one that the client gets.
    pub(super) fn apply(&self, real: Option<Reply>) -> Reply {
        let own_body = real.is_none() || (self.status.is_some() && self.body.is_none());
        let mut reply = match real {
            Some(reply) if !own_body => reply,
            _ => self.error_reply(),
        };
        reply.status = self.status.unwrap_or(reply.status);
        if let Some(body) = &self.body {
            reply.body = body.clone();
        }
        if reply.body.is_empty() {
            reply.headers.remove(header::CONTENT_TYPE);
        }
        reply.headers.extend(self.headers.clone());
        reply
    }

    fn error_reply(&self) -> Reply {
        let status = self.status.unwrap_or(500);
        let (code, message) = wording(status);
        let error = json!({ "message": message, "long_message": message, "code": code });
        Reply::json(
            status,
            &json!({ "errors": [error], "clerk_trace_id": super::ids::trace_id() }),
        )
    }
}

/// The effect on a call, as a sentence without its subject.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.delay.is_zero() {
            write!(f, "waited {} ms and ", self.delay.as_millis())?;
        }
        match (self.delivery, self.status) {
            (Delivery::Hang, _) => f.write_str("never answered")?,
            (Delivery::Drop, _) => f.write_str("closed the connection")?,
            (Delivery::Reset, _) => f.write_str("reset the connection")?,
            (Delivery::Truncated, _) => f.write_str("cut the answer short")?,
            (Delivery::Slow { bytes, every }, _) => {
                write!(f, "sent {bytes} bytes every {} ms", every.as_millis())?;
            }
            (Delivery::Whole, Some(status)) => write!(f, "answered {status}")?,
            (Delivery::Whole, None) if self.body.is_some() => f.write_str("changed the answer")?,
            (Delivery::Whole, None) => f.write_str("let the call through")?,
        }
        let lost = matches!(self.delivery, Delivery::Drop | Delivery::Reset);
        if self.applies && (lost || self.status.is_some()) {
            f.write_str(" after doing what was asked")?;
        }
        Ok(())
    }
}

/// Clerk's error code and message for a status.
fn wording(status: u16) -> (&'static str, &'static str) {
    match status {
        400 => ("bad_request", "Bad Request"),
        401 => (
            "clerk_key_invalid",
            "The provided Clerk Secret Key is invalid",
        ),
        402 => (
            "unsupported_subscription_plan_features",
            "Unsupported plan features",
        ),
        403 => ("authorization_invalid", "Unauthorized request"),
        404 => ("resource_not_found", "Resource not found"),
        409 => ("conflict", "Conflict"),
        429 => ("too_many_requests", "Too many requests"),
        503 => ("service_unavailable", "Service unavailable"),
        500.. => ("internal_clerk_error", "Oops, an unexpected error occurred"),
        _ => ("fault", "An injected fault"),
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("delay", &self.delay)
            .field("applies", &self.applies)
            .field(
                "status",
                &self
                    .status
                    .and_then(|status| StatusCode::from_u16(status).ok()),
            )
            .field("body_bytes", &self.body.as_ref().map(Bytes::len))
            .field("delivery", &self.delivery)
            .finish_non_exhaustive()
    }
}
