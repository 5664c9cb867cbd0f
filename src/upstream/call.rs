//! What the gate goes by: on whose behalf a call is made, and what about.

use crate::cache::CacheKey;
use crate::token::TokenType;

/// On whose behalf a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// A token that nothing is known of: anybody can make these up.
    Unknown,
    /// Such a token that was refused for want of budget, and has come back after a while.
    Returning,
    /// A token that was good when Clerk was last asked.
    Known,
}

/// A call that is to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallInfo {
    pub(crate) lane: Lane,
    pub(crate) about: About,
    /// The one token or machine that is asked about.
    pub(crate) name: CacheKey,
}

/// What Clerk is asked about. Quotas and plans differ between these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    Token(TokenType),
    Machine,
}
