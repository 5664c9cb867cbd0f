//! The HTTP client: built with the transport where that works, else when it is first used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use super::error::{TransportError, TransportErrorKind};

/// While a call waits, a connection on which nothing came for this long is asked for a sign of life
/// (an HTTP/2 PING, RFC 9113 §6.7). A call that times out ends only its own stream, so a connection
/// that no longer answers would be used for every later call.
const PING_AFTER: Duration = Duration::from_secs(5);
/// A connection that does not answer a PING within this time is given up: well within the default
/// timeout of a verification, which so may try once more over a new one.
const PONG_WITHIN: Duration = Duration::from_secs(2);

/// A client whose call brought no answer is replaced if it is as old as this. Its connections live on
/// the runtime that made them: on one that stands still nobody sends a PING or sees that none comes
/// back. So a Clerk that does not answer costs one handshake in this time, and no more.
const REPLACED_AFTER: Duration = Duration::from_secs(5);

/// The client of the application, or one of our own.
///
/// Ours cannot be built where the system has no certificates of authorities, as in an image from
/// scratch. A service that verifies JWTs with a configured key calls nobody and does not need it,
/// so that is an error of the first call, not of the settings.
#[derive(Debug)]
pub(super) struct HttpClient {
    built: ArcSwapOption<Built>,
    /// `None` for the client of the application, which is never replaced.
    connect_timeout: Option<Duration>,
    was_reported: AtomicBool,
}

/// A client that can be used.
#[derive(Debug)]
pub(super) struct Built {
    client: reqwest::Client,
    at: Instant,
    is_suspect: AtomicBool,
}

impl HttpClient {
    /// Tries to build a client now, so that the first call need not read certificates.
    pub(super) fn new(connect_timeout: Duration) -> Self {
        // Whoever calls is told of the error.
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

    /// Returns the client, built now if it could not be before or is to be replaced.
    pub(super) fn get(&self) -> Result<Arc<Built>, TransportError> {
        let built = self.built.load_full();
        match (built, self.connect_timeout) {
            (Some(built), Some(timeout)) if built.takes_replacement() => {
                Ok(self.rebuild(timeout).unwrap_or(built))
            }
            (Some(built), _) => Ok(built),
            // Without this setting there always is one.
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

    /// Begins a call, which makes the client suspect if it is dropped without an answer.
    pub(super) const fn begin(&self) -> Pending<'_> {
        Pending(Some(self))
    }

    /// Returns `true` to one caller if the client is to be replaced.
    fn takes_replacement(&self) -> bool {
        self.is_suspect.load(Ordering::Relaxed)
            && self.at.elapsed() >= REPLACED_AFTER
            && self.is_suspect.swap(false, Ordering::Relaxed)
    }
}

/// A call that has brought nothing yet: neither an answer nor an error.
pub(super) struct Pending<'a>(Option<&'a Built>);

impl Pending<'_> {
    /// Takes note of an answer, or of an error, which says nothing of other connections.
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

/// # Security
///
/// Redirects are not followed: a 307 would carry the token and our secret elsewhere. Proxies of
/// the environment are not used, since whoever sets a variable would then see where we call.
///
/// Cargo gives all crates of a program one build of reqwest, with the features that any of them
/// asks for. Some of those change what a client does by default, so what matters is said here:
/// TLS by rustls, answers taken as they are sent, names resolved by the system.
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
