//! The state of an authenticator, for a readiness route.

use serde::Serialize;

pub use crate::upstream::{BreakerState, LastError, Trouble};

/// How an authenticator is doing.
///
/// Nothing here is secret, and nothing here says what a client should do: a service that answers
/// known tokens from memory while Clerk is away is still worth its traffic.
///
/// # Examples
///
/// ```
/// # fn example(clerk: &clerk_machine_auth::Authenticator) {
/// let health = clerk.health();
/// if health.trouble.is_some() {
///     eprintln!("{}", serde_json::to_string(&health).unwrap_or_default());
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Health {
    /// Age of the fetched keys in seconds; `None` for a configured key, and before the first fetch.
    pub keys_age_seconds: Option<u64>,
    /// Whether JWTs can be verified at this moment without asking anybody.
    pub keys_ready: bool,
    /// Whether calls to Clerk are let through.
    pub breaker: BreakerState,
    /// What is wrong between this service and Clerk, if anything is.
    pub trouble: Option<Trouble>,
    /// The last thing that was wrong, even if it no longer is.
    pub last_error: Option<LastError>,
    /// Calls that may be made at once for tokens that nothing is known of.
    pub calls_left_unknown: u32,
    /// Calls that may be made at once for known tokens.
    pub calls_left_known: u32,
    /// How often a known token could not be verified again for want of budget.
    pub saturations: u64,
    /// Calls that may be under way beside those that are.
    pub calls_free: usize,
    /// Verifications that are under way.
    pub in_flight: usize,
    /// Good verdicts that are remembered, about.
    pub remembered_good: u64,
    /// Bad verdicts that are remembered, about.
    pub remembered_bad: u64,
}
