//! Machine-token authentication for Rust services on Clerk.
//!
//! A tower layer verifies the machine token of each request and passes a [`MachineAuth`] to the handler.
//! It supports M2M tokens, API keys and OAuth access tokens, both as JWTs and as opaque tokens. JWTs are
//! verified locally. Opaque tokens are verified by Clerk's Backend API, and the verdict is cached.
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # fn app() -> Result<axum::Router, clerk_machine_auth::BuildError> {
//! use axum::{Json, Router, routing::get};
//! use clerk_machine_auth::{AuthenticatorBuilder, ClerkMachineAuth, MachineAuth, RequireScopes};
//!
//! async fn whoami(auth: MachineAuth) -> Json<MachineAuth> {
//!     Json(auth)
//! }
//!
//! let clerk = AuthenticatorBuilder::from_env()?
//!     // Clerk vouches for the scopes of API keys and OAuth tokens. Machines have the scopes that
//!     // are granted here; what an M2M token claims about itself is ignored.
//!     .grant_scopes("mch_2yhFjEI5X2qWRvtV13BzSj8H6Dk", ["reports:read"])
//!     .build()?;
//! let app = Router::new()
//!     .route("/whoami", get(whoami))
//!     .route("/reports", get(whoami).route_layer(RequireScopes::all(["reports:read"])))
//!     .layer(ClerkMachineAuth::new(clerk));
//! # Ok(app)
//! # }
//! ```
//!
//! # Where to look
//!
//! | to | see |
//! |---|---|
//! | protect routes | [`ClerkMachineAuth`], [`RequireScopes`], [`MachineAuth`] |
//! | give scopes to machines | [`AuthenticatorBuilder::grant_scopes`] |
//! | protect an MCP server, or another OAuth resource | [`ProtectedResource`], [`McpScopes`], [`McpSessionGuard`] |
//! | protect services in any language behind nginx, Caddy, Traefik or Envoy | [`ForwardAuth`] |
//! | protect gRPC services | [`middleware::GrpcStatus`], [`middleware::Auto`] and [`grpc`] |
//! | describe protected routes in OpenAPI | `openapi`, behind the feature `utoipa` |
//! | verify a token without tower | [`Authenticator`] |
//! | set timeouts, caches, budgets | [`AuthenticatorBuilder`] |
//! | customize the responses to rejected requests | [`ResponseForAuthError`], [`AuthError`] |
//! | reject a token immediately | [`Revocations`] |
//! | get tokens for outgoing calls | [`M2mTokenSource`], [`M2mTokenLayer`] and [`outbound`] |
//! | manage machines, scopes, tokens, keys | [`AdminClient`] and [`admin`] |
//! | keep the machine secret up to date | [`MachineSecret`] |
//! | test your service without Clerk | `testing`, behind the feature of that name |
//!
//! # How a request is handled
//!
//! 1. **Extract.** The request must carry exactly one token, in `Authorization: Bearer` or in the
//!    configured API-key header. Otherwise it is rejected with 400 or 401.
//! 2. **Look up.** The cache key is a keyed hash of the token. A fresh verdict continues with step 5.
//! 3. **Classify.** A JWT is recognized by its shape, an opaque token by its prefix. Everything else,
//!    token types that are not accepted, and the service's own secrets are rejected without a call.
//! 4. **Verify.** A JWT is verified locally by its signature and claims. An opaque token is verified by
//!    Clerk. Requests that wait for the same token share one call.
//! 5. **Admit.** Accepted types, expiry and local revocations are checked on every request, cached or
//!    not. For M2M tokens, so is whether the sender may call this machine.
//! 6. **Hand over.** Required scopes are checked. The inner service gets the request without the token,
//!    and with the identity in its extensions.
//!
//! The rules behind each step are numbered in
//! [`docs/rules.md`](https://docs.rs/crate/clerk-machine-auth/latest/source/docs/rules.md).
//!
//! # Features
//!
//! - `axum` (default): extractors for axum.
//! - `redis`: replicas share answers, revocations and the call budget ([`Fleet`]).
//! - `reqwest-middleware`: [`M2mTokenLayer`] as a middleware for reqwest.
//! - `tonic`: extraction of the identity from a `tonic::Request`, statuses, and `NamedService` for tonic.
//! - `utoipa`: security schemes, schemas and responses for OpenAPI documents.
//! - `testing`: `testing::ClerkEmulator`, an in-process Clerk for tests and examples.
//! - `emulator`: the program `clerk-emulator`, the same on its own; see [`docs::emulator`].

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// What decides who gets in neither indexes nor overflows. The emulator may: it runs in tests.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]
// Tests read better with `json!(…)` handed over by value.
#![cfg_attr(test, allow(clippy::needless_pass_by_value))]

pub mod admin;
mod authenticator;
#[cfg(feature = "axum")]
mod axum;
mod backend;
pub mod body;
mod builder;
mod cache;
mod challenge;
mod clock;
mod config;
mod credential;
#[cfg(any(doc, doctest))]
pub mod docs;
mod error;
// Without a store nobody builds a fleet; what it is made of stays, so that the paths are the same.
#[cfg_attr(not(any(feature = "redis", feature = "testing")), allow(dead_code))]
mod fleet;
pub mod forward_auth;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod grpc;
pub mod health;
mod id;
mod identity;
mod invalidate;
mod jwt;
mod keys;
pub mod machine_secret;
pub mod mcp;
pub mod middleware;
mod opaque;
#[cfg(feature = "utoipa")]
#[cfg_attr(docsrs, doc(cfg(feature = "utoipa")))]
pub mod openapi;
pub mod outbound;
mod problem;
mod random;
mod receiver;
pub mod resource;
mod revocation;
mod scope;
mod secret;
mod setting;
mod single_flight;
pub mod stats;
mod tasks;
mod token;
mod transport;
mod upstream;
#[cfg(test)]
mod vectors;

#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
pub mod testing;

/// The HTTP client library, at the version whose `Client` the builders' `http_client` take.
pub use reqwest;

#[doc(inline)]
pub use self::admin::{AdminClient, AdminError, AdminErrorKind, ApiError};
pub use self::authenticator::Authenticator;
pub use self::builder::AuthenticatorBuilder;
pub use self::clock::{Clock, SystemClock};
pub use self::config::BuildError;
pub use self::error::{AuthError, AuthErrorKind};
#[doc(inline)]
pub use self::fleet::Fleet;
#[doc(inline)]
pub use self::forward_auth::{ForwardAuth, Gateway};
#[doc(inline)]
pub use self::health::Health;
pub use self::id::{ApiKeyId, IdError, M2mTokenId, MachineId};
pub use self::identity::{
    Actor, ApiKey, ClaimsError, M2mToken, MachineAuth, OAuthToken, TokenFormat,
};
#[doc(inline)]
pub use self::machine_secret::MachineSecret;
#[doc(inline)]
pub use self::mcp::{McpScopes, McpSessionGuard};
#[doc(inline)]
pub use self::middleware::{ClerkMachineAuth, RequireScopes, ResponseForAuthError, require_scopes};
#[doc(inline)]
pub use self::outbound::{
    M2mTokenLayer, M2mTokenSource, M2mTokenSourceBuilder, OutboundToken, TokenSourceError,
    TokenSourceErrorKind,
};
#[doc(inline)]
pub use self::resource::{ProtectedResource, ProtectedResourceMetadata};
pub use self::revocation::{Revocation, RevocationError, Revocations};
pub use self::scope::{ScopeListError, Scopes};
pub use self::secret::{InstanceSecret, MachineSecretKey, SecretError, SecretKey};
pub use self::stats::Stats;
pub use self::token::{ParseTokenTypeError, TokenType};

/// The README's code, compiled.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
