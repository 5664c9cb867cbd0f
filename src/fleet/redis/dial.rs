//! One connection to Redis, and another one when it is lost or silent.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, Script};
use tokio::time::{sleep, timeout};

use super::scripts;

use crate::fleet::store::StoreError;
use crate::random;

/// The longest wait for a connection, with TLS and the log-in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The pause after a try that failed: it doubles from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_millis(400);

/// Requests under way beyond these wait for the store and are given up in time: a server that
/// stopped does not fill the memory.
const IN_FLIGHT: usize = 512;

/// Connects when it is first needed, and again.
///
/// The library's own manager is not used: it keeps a connection that went silent, because a
/// timeout is no error to it, and lets requests wait for its pauses.
#[derive(Clone)]
pub(super) struct Dial(Arc<Inner>);

struct Inner {
    info: ConnectionInfo,
    connection: ArcSwapOption<MultiplexedConnection>,
    is_dialling: AtomicBool,
    failures: AtomicU32,
}

impl Dial {
    pub(super) fn new(info: ConnectionInfo) -> Self {
        use_our_tls();
        Self(Arc::new(Inner {
            info,
            connection: ArcSwapOption::empty(),
            is_dialling: AtomicBool::new(false),
            failures: AtomicU32::new(0),
        }))
    }

    /// Returns the connection, or begins to make one.
    pub(super) fn connection(&self) -> Result<MultiplexedConnection, StoreError> {
        if let Some(connection) = self.0.connection.load().as_ref() {
            return Ok(MultiplexedConnection::clone(connection));
        }
        self.dial();
        Err(StoreError::Disconnected)
    }

    /// Gives the connection up.
    pub(super) fn hang_up(&self) {
        self.0.connection.store(None);
        self.dial();
    }

    fn dial(&self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.0.is_dialling.swap(true, Ordering::AcqRel) {
            return;
        }
        let inner = Arc::clone(&self.0);
        runtime.spawn(async move {
            // Freed also where the task is dropped half-way, with its runtime.
            let _free = Free(&inner.is_dialling);
            inner.connect().await;
        });
    }
}

struct Free<'a>(&'a AtomicBool);

impl Drop for Free<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Inner {
    async fn connect(&self) {
        match self.try_connect().await {
            Ok(connection) => {
                self.failures.store(0, Ordering::Relaxed);
                self.connection.store(Some(Arc::new(connection)));
                tracing::info!("connected to the fleet's store");
            }
            Err(error) => {
                let failures = self.failures.fetch_add(1, Ordering::Relaxed);
                // Neither the address nor what the server said: both may hold a secret.
                let kind = error.kind();
                if failures == 0 {
                    tracing::warn!(?kind, "the fleet's store cannot be reached");
                }
                let factor = 1_u32.checked_shl(failures.min(4)).unwrap_or(1);
                let pause = FIRST_PAUSE.saturating_mul(factor).min(LAST_PAUSE);
                sleep(random::jitter(pause)).await;
            }
        }
    }

    async fn try_connect(&self) -> redis::RedisResult<MultiplexedConnection> {
        let client = Client::open(self.info.clone())?;
        // No timeout for answers: each request has one of its own.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(None)
            .set_concurrency_limit(IN_FLIGHT);
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let loading = timeout(CONNECT_TIMEOUT, load(&mut connection));
        // A server that refuses them is asked for each all the same, and refuses then.
        let _loaded = loading.await;
        Ok(connection)
    }
}

/// Loads the scripts before the first request, which has no time for it.
async fn load(connection: &mut MultiplexedConnection) -> redis::RedisResult<()> {
    for script in scripts::ALL {
        Script::new(script).load_async(connection).await?;
    }
    Ok(())
}

/// Chooses the cryptographic library for TLS, where the program has not: with two of them in the
/// tree the client of Redis would panic.
fn use_our_tls() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _chosen_meanwhile = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

impl fmt::Debug for Dial {
    /// Leaves the address out: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_connected = self.0.connection.load().is_some();
        f.debug_struct("Dial")
            .field("is_connected", &is_connected)
            .finish_non_exhaustive()
    }
}
