//! Machine-token authentication for Rust services on Clerk.
//!
//! A tower layer verifies the one machine token of a request and gives handlers a [`MachineAuth`]: an
//! M2M token, an API key or an OAuth access token, as a JWT or opaque. JWTs are verified locally.
//! Opaque tokens are verified by Clerk's Backend API, and the verdict is cached.
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
//!     // API keys and OAuth tokens bring scopes that Clerk vouches for. A machine has those that
//!     // are granted here: what its token says of itself opens nothing.
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
//! | you want to | see |
//! |---|---|
//! | protect routes | [`ClerkMachineAuth`], [`RequireScopes`], [`MachineAuth`] |
//! | give scopes to machines | [`AuthenticatorBuilder::grant_scopes`] |
//! | protect an MCP server, or another OAuth resource | [`ProtectedResource`], [`McpScopes`], [`McpSessionGuard`] |
//! | protect services in any language behind nginx, Caddy, Traefik or Envoy | [`ForwardAuth`] |
//! | protect gRPC services | [`middleware::GrpcStatus`], [`middleware::Auto`] and [`grpc`] |
//! | verify a token without tower | [`Authenticator`] |
//! | set timeouts, caches, budgets | [`AuthenticatorBuilder`] |
//! | answer rejections your own way | [`ResponseForAuthError`], [`AuthError`] |
//! | refuse a token at once | [`Revocations`] |
//! | get tokens for the calls that you make | [`M2mTokenSource`], [`M2mTokenLayer`] and [`outbound`] |
//! | manage machines, scopes, tokens, keys | [`AdminClient`] and [`admin`] |
//! | keep the machine secret fresh | [`MachineSecret`] |
//! | test your service without Clerk | `testing`, behind the feature of that name |
//!
//! # The way of a request
//!
//! 1. **Extract**: the request carries exactly one token in `Authorization: Bearer`, or it is
//!    rejected with 400 or 401.
//! 2. **Look up**: a keyed hash of the token is the key of the cache. A fresh verdict continues with
//!    step 5.
//! 3. **Classify**: a JWT by its shape, an opaque token by its prefix; anything else, a type that is
//!    not accepted and our own secrets are rejected without a call.
//! 4. **Verify**: a JWT by its signature and its claims, an opaque token by asking Clerk; once for
//!    all requests that wait for the same token.
//! 5. **Admit**, for every request, cached or not: accepted types, expiry, local revocation, and for
//!    M2M tokens whether the sender may call this machine.
//! 6. **Hand over**: required scopes are checked, the token is removed from the request, and the
//!    identity is inserted into its extensions.
//!
//! The rules behind each step are numbered in
//! [`docs/rules.md`](https://docs.rs/crate/clerk-machine-auth/latest/source/docs/rules.md).
//!
//! # Features
//!
//! - `axum` (default): extractors for axum.
//! - `reqwest-middleware`: [`M2mTokenLayer`] as a middleware for reqwest.
//! - `tonic`: the identity of a `tonic::Request`, statuses and `NamedService` for gRPC services of tonic.
//! - `testing`: `testing::ClerkEmulator`, a Clerk of your own for tests and examples.

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

pub use self::admin::{AdminClient, AdminError, AdminErrorKind, ApiError};
pub use self::authenticator::Authenticator;
pub use self::builder::AuthenticatorBuilder;
pub use self::clock::{Clock, SystemClock};
pub use self::config::BuildError;
pub use self::error::{AuthError, AuthErrorKind};
pub use self::forward_auth::{ForwardAuth, Gateway};
pub use self::health::Health;
pub use self::id::{ApiKeyId, IdError, M2mTokenId, MachineId};
pub use self::identity::{
    Actor, ApiKey, ClaimsError, M2mToken, MachineAuth, OAuthToken, TokenFormat,
};
pub use self::machine_secret::MachineSecret;
pub use self::mcp::{McpScopes, McpSessionGuard};
pub use self::middleware::{ClerkMachineAuth, RequireScopes, ResponseForAuthError, require_scopes};
pub use self::outbound::{
    M2mTokenLayer, M2mTokenSource, M2mTokenSourceBuilder, OutboundToken, TokenSourceError,
    TokenSourceErrorKind,
};
pub use self::resource::{ProtectedResource, ProtectedResourceMetadata};
pub use self::revocation::{Revocation, RevocationError, Revocations};
pub use self::scope::{ScopeListError, Scopes};
pub use self::secret::{InstanceSecret, MachineSecretKey, SecretError, SecretKey};
pub use self::token::{ParseTokenTypeError, TokenType};

/// The README's code, compiled.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
