//! The one HTTP client that talks to Clerk: deadlines, no redirects, bounded answers.
//!
//! Order within this folder: `url`, `error` and `answer` ← `retry` ← `call` ← here.

mod answer;
mod call;
mod error;
mod retry;
mod url;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, sleep, timeout_at};

use crate::clock;

pub(crate) use self::answer::Answer;
pub(crate) use self::call::{Call, KEY_SET_LIMIT, PAGE_LIMIT};
pub(crate) use self::error::{TransportError, TransportErrorKind};
pub(crate) use self::retry::RetryPolicy;
pub(crate) use self::url::{BaseUrl, BaseUrlError, is_loopback};

/// The version of the Backend API that this crate speaks.
const API_VERSION: &str = "2026-05-12";
const USER_AGENT: &str = concat!("clerk-machine-auth/", env!("CARGO_PKG_VERSION"));

/// While a call waits, a connection on which nothing came for this long is asked for a sign of life
/// (an HTTP/2 PING, RFC 9113 §6.7). A call that times out ends only its own stream, so a connection
/// that no longer answers would be used for every later call.
const PING_AFTER: Duration = Duration::from_secs(5);
/// A connection that does not answer a PING within this time is given up: well within the default
/// timeout of a verification, which so may try once more over a new one.
const PONG_WITHIN: Duration = Duration::from_secs(2);

/// Sends calls and reads answers; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    http: reqwest::Client,
}

impl Transport {
    /// Builds the default client.
    ///
    /// # Security
    ///
    /// Redirects are not followed: a 307 would carry the token and our secret elsewhere. Proxies
    /// of the environment are not used, since whoever sets a variable would then see where we call.
    ///
    /// Cargo gives all crates of a program one build of reqwest, with the features that any of them
    /// asks for. Some of those change what a client does by default, so what matters is said here:
    /// TLS by rustls, answers taken as they are sent, names resolved by the system.
    pub(crate) fn new(connect_timeout: Duration) -> Result<Self, TransportError> {
        let http = reqwest::Client::builder()
            .tls_backend_rustls()
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .no_hickory_dns()
            .connect_timeout(connect_timeout)
            .http2_keep_alive_interval(PING_AFTER)
            .http2_keep_alive_timeout(PONG_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .build()?;
        Ok(Self { http })
    }

    /// Uses a client that the application configured.
    pub(crate) const fn with_client(http: reqwest::Client) -> Self {
        Self { http }
    }

    /// Sends a call, again where its policy allows, until it has a final outcome.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, TransportError> {
        self.send_while(call, || true).await
    }

    /// The same, where each further try needs leave.
    pub(crate) async fn send_while(
        &self,
        call: &Call,
        may_retry: impl Fn() -> bool,
    ) -> Result<Answer, TransportError> {
        let deadline = clock::after(call.retry.deadline);
        let mut tries = 0_u32;
        loop {
            tries = tries.saturating_add(1);
            let outcome = self.send_once(call, deadline).await;
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
        let response = self
            .http
            .request(call.method.clone(), call.url.clone())
            .header("clerk-api-version", API_VERSION)
            .header(http::header::USER_AGENT, USER_AGENT)
            .headers(call.headers.clone())
            .body(call.body.clone())
            .send()
            .await?;
        // A client of the application's may follow redirects: what it then brings is not Clerk's.
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
