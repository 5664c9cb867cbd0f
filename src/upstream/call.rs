//! What the gate goes by: on whose behalf a call is made, and what about.

use crate::cache::{CacheKey, Priority};
use crate::token::TokenType;

/// A call that is to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallInfo {
    pub(crate) priority: Priority,
    pub(crate) endpoint: Endpoint,
    /// The one token or machine that is asked about.
    pub(crate) key: CacheKey,
}

/// What Clerk is asked about. Quotas and plans differ between these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Token(TokenType),
    Machine,
}
