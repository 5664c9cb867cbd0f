//! Guides: settings, responses, outages, cost and security.
//!
//! | page | contents |
//! |---|---|
//! | [`settings`] | what can be configured, and where to find the values in Clerk's dashboard |
//! | [`defaults`] | why the defaults are what they are |
//! | [`responses`] | which status a request gets, and what the sender should do |
//! | [`order`] | what goes outside of the layer, and what inside: CORS, traces, timeouts, limits |
//! | [`revocation`] | for how long a revoked credential can still be accepted |
//! | [`outages`] | what happens while Clerk is slow or unreachable |
//! | [`cost`] | how many tokens the call budget supports, and what Clerk charges |
//! | [`fleet`] | how replicas share answers, revocations and the call budget over Redis |
//! | [`outbound`](crate::outbound) | how a service gets tokens for its outgoing calls, and what they cost |
//! | [`mcp`] | how users of a Clerk instance sign in to an MCP server |
//! | [`gateways`] | how to protect services in any language behind nginx, Caddy, Traefik or Envoy |
//! | [`neighbours`] | how users with session tokens and machines share a route |
//! | [`emulator`] | how to look at the emulator, and steer it from tests in any language |
//! | [`performance`] | what a request costs in time and memory |
//! | [`comparison`] | how Clerk's SDKs and other crates handle machine tokens |
//! | [`threats`] | the security policy and the threat model, with tests for every row |
//!
//! The decision rules are numbered in
//! [`docs/rules.md`](https://docs.rs/crate/clerk-machine-auth/latest/source/docs/rules.md).

#[doc = include_str!("settings.md")]
pub mod settings {}

#[doc = include_str!("defaults.md")]
pub mod defaults {}

#[doc = include_str!("responses.md")]
pub mod responses {}

#[doc = include_str!("order.md")]
pub mod order {}

#[doc = include_str!("revocation.md")]
pub mod revocation {}

#[doc = include_str!("outages.md")]
pub mod outages {}

#[doc = include_str!("cost.md")]
pub mod cost {}

#[doc = include_str!("fleet.md")]
pub mod fleet {}

#[doc = include_str!("mcp.md")]
pub mod mcp {}

#[doc = include_str!("gateways.md")]
pub mod gateways {}

#[doc = include_str!("neighbours.md")]
pub mod neighbours {}

/// The emulator on its own: a console in the browser, and an API for tests in any language.
///
#[doc = include_str!("images/console-machines.md")]
///
#[doc = include_str!("emulator.md")]
///
/// # More of the console
///
#[doc = include_str!("images/console-start.md")]
///
#[doc = include_str!("images/console-faults.md")]
pub mod emulator {}

#[doc = include_str!("performance.md")]
pub mod performance {}

#[doc = include_str!("comparison.md")]
pub mod comparison {}

/// The security policy and the threat model.
///
/// <style>.docblock td code { white-space: normal; overflow-wrap: anywhere; }</style>
///
#[doc = include_str!("../../SECURITY.md")]
pub mod threats {}
