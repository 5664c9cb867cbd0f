//! The HTTP client for all calls to Clerk: deadlines, no redirects, bounded responses.

mod answer;
mod call;
mod client;
mod error;
mod observed;
mod retry;
mod url;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::Instrument as _;

use self::client::HttpClient;
use crate::clock;

pub(crate) use self::answer::Answer;
pub(crate) use self::call::{Call, KEY_SET_LIMIT, MACHINE_LIMIT, PAGE_LIMIT};
pub(crate) use self::error::{TransportError, TransportErrorKind};
pub(crate) use self::observed::Observed;
pub(crate) use self::retry::RetryPolicy;
pub(crate) use self::url::{BaseUrl, BaseUrlError, PlainHost, is_loopback};

/// The version of the Backend API that this crate supports.
const API_VERSION: &str = "2026-05-12";
const USER_AGENT: &str = concat!("clerk-machine-auth/", env!("CARGO_PKG_VERSION"));

/// Sends calls and reads responses; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    http: Arc<HttpClient>,
}

impl Transport {
    /// Creates a transport with the built-in client.
    pub(crate) fn new(connect_timeout: Duration) -> Self {
        let http = Arc::new(HttpClient::new(connect_timeout));
        Self { http }
    }

    /// Creates a transport with a client that the application configured.
    pub(crate) fn with_client(http: reqwest::Client) -> Self {
        let http = Arc::new(HttpClient::given(http));
        Self { http }
    }

    /// Sends a call, with retries according to its policy, until it has a final outcome.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, TransportError> {
        self.send_while(call, || true).await
    }

    /// Like [`send`](Self::send), but each retry needs permission.
    pub(crate) async fn send_while(
        &self,
        call: &Call,
        may_retry: impl Fn() -> bool,
    ) -> Result<Answer, TransportError> {
        let deadline = clock::after(call.retry.deadline);
        let mut tries = 0_u32;
        loop {
            tries = tries.saturating_add(1);
            let attempt = call.attempt(tries);
            let exchange = self.send_once(call, deadline);
            let outcome = exchange.instrument(attempt.span()).await;
            attempt.end(&outcome);
            let left = deadline.saturating_duration_since(Instant::now());
            match call.retry.pause_after(tries, &outcome, left) {
                Some(pause) if may_retry() => sleep(pause).await,
                _ => return outcome,
            }
        }
    }

    async fn send_once(&self, call: &Call, deadline: Instant) -> Result<Answer, TransportError> {
        timeout_at(deadline, self.exchange(call))
            .await
            .unwrap_or(Err(TransportError::new(TransportErrorKind::Timeout)))
    }

    async fn exchange(&self, call: &Call) -> Result<Answer, TransportError> {
        let built = self.http.get()?;
        // If dropped at the deadline, it marks the client, whose connection may be dead.
        let pending = built.begin();
        let response = built
            .client()
            .request(call.method.clone(), call.url.clone())
            .header("clerk-api-version", API_VERSION)
            .header(http::header::USER_AGENT, USER_AGENT)
            .headers(call.headers.clone())
            .body(call.body.clone())
            .send()
            .await;
        pending.ended(response.is_ok());
        let response = response?;
        // A client of the application may follow redirects. The response is then not Clerk's.
        if *response.url() != call.url {
            return Err(TransportError::new(TransportErrorKind::Elsewhere));
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_body(response, call.body_limit).await?;
        Ok(Answer {
            status,
            headers,
            body,
        })
    }
}

async fn read_body(mut response: reqwest::Response, limit: usize) -> Result<Bytes, TransportError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(TransportError::new(TransportErrorKind::TooLarge));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
