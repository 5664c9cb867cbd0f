//! The state of a token source, for a readiness route and for metrics.

use serde::Serialize;

use super::error::TokenSourceErrorKind;

/// How an [`M2mTokenSource`](super::M2mTokenSource) is doing; nothing here is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TokenSourceHealth {
    /// Whether a call made now would carry a token without waiting for Clerk.
    pub ready: bool,
    /// Seconds since the present token was received; `None` without one.
    pub age_seconds: Option<u64>,
    /// Seconds until the present token expires; `None` without one, and for one without expiry.
    pub expires_in_seconds: Option<u64>,
    /// Whether Clerk is being asked for a token at this moment.
    pub minting: bool,
    /// What went wrong with the last mint, if it failed.
    pub problem: Option<TokenSourceErrorKind>,
    /// The last thing that went wrong, even if it no longer is.
    pub last_error: Option<TokenSourceErrorKind>,
    /// How often Clerk answered with a token, a reused one included.
    pub mints: u64,
    /// How many mints were begun because a receiver refused the present token.
    pub forced: u64,
}
