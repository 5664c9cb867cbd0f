//! Layers for MCP servers: scopes per tool, and sessions that are bound to their owner.
//!
//! They complement [`ProtectedResource`](crate::ProtectedResource); the [guide](crate::docs::mcp)
//! shows how they fit together.

mod headers;
mod scopes;
mod session_guard;
mod sessions;

pub use self::scopes::{McpScopes, McpScopesFuture, McpScopesService};
pub use self::session_guard::{McpSessionGuard, McpSessionGuardFuture, McpSessionGuardService};
