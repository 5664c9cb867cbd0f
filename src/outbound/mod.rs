//! M2M tokens for outgoing calls.
//!
#![doc = include_str!("../docs/outbound.md")]

mod builder;
mod error;
mod future;
mod health;
mod layer;
mod mint;
mod origin;
mod pacing;
#[cfg(feature = "reqwest-middleware")]
mod reqwest_middleware;
mod service;
mod source;
mod token;

pub use self::builder::M2mTokenSourceBuilder;
pub use self::error::{TokenSourceError, TokenSourceErrorKind};
pub use self::future::M2mTokenFuture;
pub use self::health::TokenSourceHealth;
pub use self::layer::{M2mTokenLayer, NoRetry, RetryOnce, RetryRequest};
pub use self::service::M2mTokenService;
pub use self::source::M2mTokenSource;
pub use self::token::OutboundToken;
