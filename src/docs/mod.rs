//! Guides: what the settings mean, what callers see, and what happens when things go wrong.
//!
//! | page | answers |
//! |---|---|
//! | [`settings`] | what can be configured, and where the values are in Clerk's dashboard |
//! | [`defaults`] | why the defaults are what they are |
//! | [`responses`] | which status a request gets, and what its sender should do |
//! | [`order`] | what goes outside of the layer, and what inside: CORS, traces, timeouts, limits |
//! | [`revocation`] | for how long a revoked credential can still be accepted |
//! | [`outages`] | what happens while Clerk is slow or away |
//! | [`cost`] | how many tokens the call budget carries, and what Clerk charges |
//! | [`outbound`](crate::outbound) | how a service gets tokens for its own calls, and what they cost |
//! | [`mcp`] | how an MCP server lets the users of a Clerk instance sign in |
//! | [`gateways`] | how nginx, Caddy, Traefik and Envoy ask this crate for services in any language |
//! | [`performance`] | what a request costs in time and memory |
//! | [`comparison`] | what Clerk's SDKs and other crates do |
//! | [`threats`] | the threat model, with a test for every row |
//!
//! The rules that decide who gets in are numbered in
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

#[doc = include_str!("mcp.md")]
pub mod mcp {}

#[doc = include_str!("gateways.md")]
pub mod gateways {}

#[doc = include_str!("performance.md")]
pub mod performance {}

#[doc = include_str!("comparison.md")]
pub mod comparison {}

#[doc = include_str!("../../SECURITY.md")]
pub mod threats {}
