//! The embedded admin client: machines, their scopes and secrets, M2M tokens, API keys.
//!
#![doc = include_str!("../docs/admin.md")]

mod api_keys;
mod builder;
mod client;
pub(crate) mod input;
mod invalidation;
#[cfg(all(test, feature = "testing"))]
mod invalidation_tests;
mod jwks;
mod m2m_tokens;
mod machines;
mod managed;
mod oauth_access_tokens;
mod operation;
mod page;
mod token_secret;
mod wire;

pub use self::api_keys::{
    ApiKeyInfo, ApiKeys, CreateApiKey, CreatedApiKey, ListApiKeys, RevokeApiKey, UpdateApiKey,
};
pub use self::builder::AdminClientBuilder;
pub use self::client::AdminClient;
pub(crate) use self::client::{AdminParts, MayRetry};
pub use self::jwks::{Jwk, JwkSet, Jwks};
pub use self::m2m_tokens::{
    CreateM2mToken, CreatedM2mToken, ListM2mTokens, M2mTokenInfo, M2mTokens, RevokeM2mToken,
    VerifyM2mToken,
};
pub use self::machines::{
    CreateMachine, CreatedMachine, ListMachines, Machine, MachineOrder, MachineScope, Machines,
    RotateSecretKey, ScopedMachine, UpdateMachine,
};
pub use self::oauth_access_tokens::{OAuthAccessTokenInfo, OAuthAccessTokens, OAuthVerification};
pub use self::page::{ItemStream, Page};
pub use self::token_secret::TokenSecret;
pub use crate::backend::{AdminError, AdminErrorKind, ApiError, ErrorDetail};
