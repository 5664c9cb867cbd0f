//! The health of an authenticator, for readiness probes and metrics.

use serde::Serialize;

pub use crate::fleet::{FleetHealth, FleetState};
pub use crate::problem::{LastError, UpstreamProblem};
pub use crate::upstream::BreakerState;

/// A snapshot of the authenticator's health.
///
/// Contains no secrets. A readiness probe should use [`is_ready`](Self::is_ready) only. The other
/// fields are for humans and alerts: a service that serves known tokens from its cache while Clerk
/// is unreachable is still ready.
///
/// Serializes in `camelCase`, with times in milliseconds since the Unix epoch, like the
/// `expiration` of an identity.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::{Authenticator, Health};
/// use http::StatusCode;
///
/// fn ready(clerk: &Authenticator) -> (StatusCode, Health) {
///     let health = clerk.health();
///     let status = if health.is_ready() {
///         StatusCode::OK
///     } else {
///         StatusCode::SERVICE_UNAVAILABLE
///     };
///     (status, health)
/// }
///
/// let clerk = Authenticator::builder()
///     .secret_key("sk_test_4f8a")
///     .machine_id("mch_2xhFjEI5X2qWRvtV13BzSj8H6Dk")
///     .build()?;
/// assert_eq!(ready(&clerk).0, StatusCode::OK);
/// # Ok::<(), clerk_machine_auth::BuildError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Health {
    /// Whether this replica should get requests; see [`is_ready`](Self::is_ready).
    pub ready: bool,
    /// Age of the fetched keys in seconds; `None` for a configured key, and before the first fetch.
    pub keys_age_seconds: Option<u64>,
    /// Whether JWTs can be verified right now without fetching keys.
    pub keys_ready: bool,
    /// The state of the circuit breaker.
    pub breaker: BreakerState,
    /// The current problem with Clerk, if any: with verifying tokens, fetching keys, or loading the
    /// machine secret; the newest if there are several.
    pub problem: Option<UpstreamProblem>,
    /// The most recent error, even if it no longer persists.
    pub last_error: Option<LastError>,
    /// Calls that the budget allows right now for unknown tokens.
    pub calls_left_unknown: u32,
    /// Calls that the budget allows right now for known tokens.
    pub calls_left_known: u32,
    /// How often a known token could not be refreshed because the budget was exhausted.
    pub throttled_refreshes: u64,
    /// Free slots for calls in flight.
    pub calls_free: usize,
    /// Verifications in flight.
    pub in_flight: usize,
    /// Cached valid verdicts, including expired ones that have not been removed yet.
    pub cached_valid: u64,
    /// Cached rejections, counted in the same way.
    pub cached_rejected: u64,
    /// How this replica stands to its [fleet](crate::Fleet); `None` without one. A replica that is
    /// alone is as ready as any.
    pub fleet: Option<FleetHealth>,
}

impl Health {
    /// Returns `true` if this replica should get requests; for use in a readiness probe.
    ///
    /// It is `false` only while all tokens of an accepted format get 503:
    ///
    /// - JWTs, where there are no keys, or only keys older than
    ///   [`keys_max_stale`](crate::AuthenticatorBuilder::keys_max_stale), and the last fetch failed;
    /// - opaque M2M tokens, where the machine secret is [managed](crate::MachineSecret::managed),
    ///   was never loaded, and the last try failed.
    ///
    /// It is therefore `true` before anything was fetched, since the first request fetches. It is
    /// also `true` while Clerk is unreachable or refuses the secret: cached verdicts are served,
    /// and removing every replica from the load balancer would turn a partial outage into a
    /// complete one. To keep a new version with a wrong secret from replacing the old one, call
    /// [`warm_up`](crate::Authenticator::warm_up) before it listens.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.ready
    }
}
