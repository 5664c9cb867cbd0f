//! What may go wrong with one call.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;

use super::reply::Reply;

/// A fault of Clerk, or of the network before it.
///
/// A fault either replaces the operation ([`status`](Self::status), [`hang`](Self::hang), …), so
/// that nothing changes on the server, or lets it happen and damages the answer
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

/// How an answer reaches the client, if it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Whole,
    /// Never; the connection stays open.
    Hang,
    /// Never; the connection is closed in order.
    Drop,
    /// Never; the connection is reset.
    Reset,
    /// Half of it, then the connection is closed.
    Truncated,
    /// So many bytes each interval.
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

    /// Answers this status instead of doing anything, with the error body that Clerk gives it.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::new(false, Delivery::Whole).with_status(status)
    }

    /// Does what was asked, after this time.
    #[must_use]
    pub fn delay(by: Duration) -> Self {
        Self::altered().after(by)
    }

    /// Does what was asked; what the modifiers set replaces that part of the answer.
    #[must_use]
    pub fn altered() -> Self {
        Self::new(true, Delivery::Whole)
    }

    /// Accepts the request and never answers.
    #[must_use]
    pub fn hang() -> Self {
        Self::new(false, Delivery::Hang)
    }

    /// Closes the connection without an answer.
    #[must_use]
    pub fn drop_connection() -> Self {
        Self::new(false, Delivery::Drop)
    }

    /// Resets the connection (TCP RST) without an answer.
    #[must_use]
    pub fn reset_connection() -> Self {
        Self::new(false, Delivery::Reset)
    }

    /// Does what was asked, then closes the connection: the change is made, its answer is lost.
    #[must_use]
    pub fn drop_after_applying() -> Self {
        Self::drop_connection().applied()
    }

    /// Does what was asked, sends half of the answer's body, then closes the connection (under
    /// HTTP/2 its stream).
    #[must_use]
    pub fn truncated_body() -> Self {
        Self::new(true, Delivery::Truncated)
    }

    /// Does what was asked, and sends the body at this pace.
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

    /// Waits (in real time) before anything else.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Makes the change on the server although the answer says otherwise.
    #[must_use]
    pub fn applied(mut self) -> Self {
        self.applies = true;
        self
    }

    /// Sets the status of the answer.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets a header of the answer.
    ///
    /// # Panics
    ///
    /// If the name or the value is not fit for HTTP.
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

    /// Sets the body of the answer, byte for byte; empty for no body.
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

    /// Turns the real answer, if there is one, into what the client gets.
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

/// What it does to a call, as a sentence without its subject.
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

/// The code and message that Clerk gives a status.
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
