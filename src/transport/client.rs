//! The HTTP client, created with the transport if possible and on first use otherwise.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use super::error::{TransportError, TransportErrorKind};

/// The idle time after which a PING is sent on a connection with a call in flight (HTTP/2, RFC 9113
/// §6.7).
///
/// A call that times out ends only its own stream, so without PINGs a connection that stopped
/// responding would be used for every later call.
const PING_AFTER: Duration = Duration::from_secs(5);
/// The time within which a PING must be answered before the connection is closed. It is well within the
/// default timeout of a verification, which can therefore retry over a new connection.
const PONG_WITHIN: Duration = Duration::from_secs(2);

/// The age from which a client is replaced after a call without a response. The connections of a client
/// live on the runtime that created them. On a runtime that nobody drives, no PING is sent and no
/// missing reply is noticed. An unresponsive Clerk therefore costs at most one handshake in this time.
const REPLACED_AFTER: Duration = Duration::from_secs(5);

/// The client of the application, or the built-in one.
///
/// The built-in client cannot be created on a system without root certificates, such as an image from
/// scratch. A service that verifies JWTs with a configured key makes no calls and does not need it.
/// This is therefore an error of the first call, not of the settings.
#[derive(Debug)]
pub(super) struct HttpClient {
    built: ArcSwapOption<Built>,
    /// `None` for the client of the application, which is never replaced.
    connect_timeout: Option<Duration>,
    was_reported: AtomicBool,
}

/// A client that is ready for use.
#[derive(Debug)]
pub(super) struct Built {
    client: reqwest::Client,
    at: Instant,
    is_suspect: AtomicBool,
}

impl HttpClient {
    /// Tries to create a client now, so that the first call does not have to read certificates.
    pub(super) fn new(connect_timeout: Duration) -> Self {
        // The first call reports the error.
        let built = build(connect_timeout).ok().map(Built::new);
        Self {
            built: ArcSwapOption::new(built),
            connect_timeout: Some(connect_timeout),
            was_reported: AtomicBool::new(false),
        }
    }

    pub(super) fn given(client: reqwest::Client) -> Self {
        Self {
            built: ArcSwapOption::new(Some(Built::new(client))),
            connect_timeout: None,
            was_reported: AtomicBool::new(false),
        }
    }

    /// Returns the client. Creates it now if that failed before or if it has to be replaced.
    pub(super) fn get(&self) -> Result<Arc<Built>, TransportError> {
        let built = self.built.load_full();
        match (built, self.connect_timeout) {
            (Some(built), Some(timeout)) if built.takes_replacement() => {
                Ok(self.rebuild(timeout).unwrap_or(built))
            }
            (Some(built), _) => Ok(built),
            // Without this setting, there is always a client.
            (None, timeout) => self.rebuild(timeout.unwrap_or_default()),
        }
    }

    fn rebuild(&self, connect_timeout: Duration) -> Result<Arc<Built>, TransportError> {
        match build(connect_timeout) {
            Ok(client) => {
                let built = Built::new(client);
                self.built.store(Some(Arc::clone(&built)));
                Ok(built)
            }
            Err(error) => {
                if !self.was_reported.swap(true, Ordering::Relaxed) {
                    let cause = &error as &dyn std::error::Error;
                    tracing::error!(cause, "{}", TransportErrorKind::Setup);
                }
                Err(TransportError::setup(error))
            }
        }
    }
}

impl Built {
    fn new(client: reqwest::Client) -> Arc<Self> {
        Arc::new(Self {
            client,
            at: Instant::now(),
            is_suspect: AtomicBool::new(false),
        })
    }

    pub(super) const fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Starts a call. If the returned value is dropped without a response, the client becomes suspect.
    pub(super) const fn begin(&self) -> Pending<'_> {
        Pending(Some(self))
    }

    /// Returns `true` to one caller if the client has to be replaced.
    fn takes_replacement(&self) -> bool {
        self.is_suspect.load(Ordering::Relaxed)
            && self.at.elapsed() >= REPLACED_AFTER
            && self.is_suspect.swap(false, Ordering::Relaxed)
    }
}

/// A call without a response or an error yet.
pub(super) struct Pending<'a>(Option<&'a Built>);

impl Pending<'_> {
    /// Records a response, or an error, which says nothing about other connections.
    pub(super) fn ended(mut self, is_answer: bool) {
        let built = self.0.take();
        if let Some(built) = built.filter(|_| is_answer) {
            built.is_suspect.store(false, Ordering::Relaxed);
        }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some(built) = self.0 {
            built.is_suspect.store(true, Ordering::Relaxed);
        }
    }
}

/// Creates the built-in client.
///
/// # Security
///
/// Redirects are not followed: a 307 would send the token and our secret elsewhere. Proxies of the
/// environment are not used, because anyone who sets the variable could observe our calls.
///
/// Cargo builds reqwest once per program, with the features that any crate enables. Some features
/// change the defaults of a client, so the settings that matter are explicit: TLS by rustls, no
/// decompression, and the resolver of the system.
fn build(connect_timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
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
        .build()
}
