//! The health of a token source, for readiness probes and metrics.

use serde::Serialize;

use super::error::TokenSourceErrorKind;

/// A snapshot of the health of an [`M2mTokenSource`](super::M2mTokenSource); contains no secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TokenSourceHealth {
    /// Whether a call made now would get a token without waiting for Clerk.
    pub ready: bool,
    /// Seconds since the current token was received; `None` without one.
    pub age_seconds: Option<u64>,
    /// Seconds until the current token expires; `None` without one, and for one without expiry.
    pub expires_in_seconds: Option<u64>,
    /// Whether a mint is in progress.
    pub minting: bool,
    /// The kind of the last mint's error, if it failed.
    pub problem: Option<TokenSourceErrorKind>,
    /// The kind of the most recent error, even if later mints succeeded.
    pub last_error: Option<TokenSourceErrorKind>,
    /// The number of tokens that Clerk returned, including reused ones.
    pub mints: u64,
    /// The number of mints that were forced by a receiver's refusal.
    pub forced: u64,
}
