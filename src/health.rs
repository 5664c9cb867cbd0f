//! The state of an authenticator, for a readiness route.

use serde::Serialize;

pub use crate::problem::{LastError, UpstreamProblem};
pub use crate::upstream::BreakerState;

/// How an authenticator is doing.
///
/// Nothing here is secret. A readiness route answers by [`is_ready`](Self::is_ready); everything
/// else is for people and for alerts: a service that answers known tokens from its cache while
/// Clerk is away is still worth its traffic.
///
/// Serialises in `camelCase`, times in milliseconds since the Unix epoch, as the `expiration` of an
/// identity does.
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
    /// Whether this replica is worth its traffic; see [`is_ready`](Self::is_ready).
    pub ready: bool,
    /// Age of the fetched keys in seconds; `None` for a configured key, and before the first fetch.
    pub keys_age_seconds: Option<u64>,
    /// Whether JWTs can be verified at this moment without asking anybody.
    pub keys_ready: bool,
    /// Whether calls to Clerk are let through.
    pub breaker: BreakerState,
    /// What is wrong between this service and Clerk, if anything is: with verifying tokens, with
    /// fetching the keys, or with fetching the machine secret; the newest if several are.
    pub problem: Option<UpstreamProblem>,
    /// The last thing that was wrong, even if it no longer is.
    pub last_error: Option<LastError>,
    /// Calls that may be made at once for tokens that nothing is known of.
    pub calls_left_unknown: u32,
    /// Calls that may be made at once for known tokens.
    pub calls_left_known: u32,
    /// How often a known token could not be verified again for want of budget.
    pub throttled_refreshes: u64,
    /// Calls that may be under way beside those that are.
    pub calls_free: usize,
    /// Verifications that are under way.
    pub in_flight: usize,
    /// Good verdicts that are cached. Some may be past their time: those are not used, and dropped
    /// when they are next looked at.
    pub cached_valid: u64,
    /// Bad verdicts that are cached, counted alike.
    pub cached_rejected: u64,
}

impl Health {
    /// Returns `true` while tokens that this replica knows are served: the verdict of a readiness
    /// probe.
    ///
    /// It is `false` only while all tokens of one form that is accepted are answered with 503:
    ///
    /// - JWTs, where there are no keys, or only keys older than
    ///   [`keys_max_stale`](crate::AuthenticatorBuilder::keys_max_stale), and the last fetch failed;
    /// - opaque M2M tokens, where the machine secret is [managed](crate::MachineSecret::managed),
    ///   was never loaded, and the last try failed.
    ///
    /// So it is `true` before anything was fetched, since the first request fetches. It is `true`
    /// while Clerk does not answer or refuses the secret as well: cached verdicts are served, and to
    /// take every replica out of traffic because Clerk is down makes a whole outage of a partial
    /// one. To keep a new version with a wrong secret from replacing the old one, let it
    /// [`warm_up`](crate::Authenticator::warm_up) before it listens.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.ready
    }
}
