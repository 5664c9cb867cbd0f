//! What MCP servers need beside a protected resource: scopes for each tool, and sessions that stay
//! with their owner.

mod headers;
mod scopes;
mod session_guard;
mod sessions;

pub use self::scopes::{McpScopes, McpScopesFuture, McpScopesService};
pub use self::session_guard::{McpSessionGuard, McpSessionGuardFuture, McpSessionGuardService};
