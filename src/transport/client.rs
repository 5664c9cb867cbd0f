//! The HTTP client: built with the transport where that works, else when it is first used.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::error::{TransportError, TransportErrorKind};

/// While a call waits, a connection on which nothing came for this long is asked for a sign of life
/// (an HTTP/2 PING, RFC 9113 §6.7). A call that times out ends only its own stream, so a connection
/// that no longer answers would be used for every later call.
const PING_AFTER: Duration = Duration::from_secs(5);
/// A connection that does not answer a PING within this time is given up: well within the default
/// timeout of a verification, which so may try once more over a new one.
const PONG_WITHIN: Duration = Duration::from_secs(2);

/// The client of the application, or one of our own.
///
/// Ours cannot be built where the system has no certificates of authorities, as in an image from
/// scratch. A service that verifies JWTs with a configured key calls nobody and does not need it,
/// so that is an error of the first call, not of the settings.
#[derive(Debug)]
pub(super) struct HttpClient {
    built: OnceLock<reqwest::Client>,
    connect_timeout: Duration,
    was_reported: AtomicBool,
}

impl HttpClient {
    /// Tries to build a client now, so that the first call need not read certificates.
    pub(super) fn new(connect_timeout: Duration) -> Self {
        let client = Self {
            built: OnceLock::new(),
            connect_timeout,
            was_reported: AtomicBool::new(false),
        };
        // Whoever calls is told of the error.
        if let Ok(built) = build(connect_timeout) {
            client.built.get_or_init(|| built);
        }
        client
    }

    pub(super) fn given(client: reqwest::Client) -> Self {
        Self {
            built: client.into(),
            connect_timeout: Duration::ZERO,
            was_reported: AtomicBool::new(false),
        }
    }

    /// Returns the client, built now if it could not be before.
    pub(super) fn get(&self) -> Result<&reqwest::Client, TransportError> {
        if let Some(client) = self.built.get() {
            return Ok(client);
        }
        match build(self.connect_timeout) {
            Ok(client) => Ok(self.built.get_or_init(|| client)),
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
