//! Machine-token authentication for Rust services on Clerk.

#![forbid(unsafe_code)]
#![allow(dead_code, unused_imports, private_interfaces)]

pub mod admin;
mod authenticator;
#[cfg(feature = "axum")]
mod axum;
mod builder;
mod cache;
mod challenge;
mod clock;
mod error;
mod evict;
mod flights;
mod health;
mod id;
mod identity;
mod jwt;
mod keys;
mod machine_secret;
mod middleware;
mod opaque;
mod random;
mod receiver;
mod revocation;
mod scope;
mod secret;
mod tasks;
mod token;
mod transport;
mod upstream;

#[cfg(feature = "testing")]
pub mod testing;

pub use self::admin::{AdminClient, AdminError, AdminErrorKind, ApiError};
pub use self::authenticator::{Authenticator, RequestHeaders};
pub use self::builder::{AuthenticatorBuilder, BuildError};
pub use self::clock::{Clock, SystemClock};
pub use self::error::{AuthError, AuthErrorKind};
pub use self::health::{BreakerState, Health, LastError, Trouble};
pub use self::id::{ApiKeyId, IdError, M2mTokenId, MachineId};
pub use self::identity::{ApiKey, ClaimsError, M2mToken, MachineAuth, OAuthToken, TokenFormat};
pub use self::machine_secret::{MachineSecret, Reload, Rotation, RotationHandle, SecretWatch};
pub use self::middleware::{
    ClerkMachineAuth, ClerkMachineAuthService, Decided, EmptyBody, GrpcStatus, ProblemJson,
    RequireScopes, RequireScopesService, ResponseForAuthError, ResponseFuture,
};
pub use self::revocation::{Revocations, RevocationsFull};
pub use self::scope::{ScopeListError, Scopes};
pub use self::secret::{MachineSecretKey, SecretError, SecretKey};
pub use self::token::{ParseTokenTypeError, TokenType};
