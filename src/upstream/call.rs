//! What the guard decides by: on whose behalf a call is made, and what it is about.

use std::time::Duration;

use crate::cache::{CacheKey, Priority};
use crate::token::TokenType;

/// A call to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallInfo {
    pub(crate) priority: Priority,
    pub(crate) endpoint: Endpoint,
    /// The token or machine that the call is about.
    pub(crate) key: CacheKey,
    /// For how long the budget of the fleet may be waited for.
    pub(crate) patience: Duration,
}

/// The endpoint of the call. Quotas and plans differ between endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Token(TokenType),
    Machine,
}
