//! Tower layers for servers: [`ClerkMachineAuth`] and [`RequireScopes`], with their services and
//! futures.

mod audit;
mod config;
mod decision;
mod extensions;
mod future;
mod layer;
mod recorder;
mod response;
mod scopes;
mod service;

pub use self::decision::Decision;
pub use self::extensions::OtherToken;
pub use self::future::ClerkMachineAuthFuture;
pub use self::layer::ClerkMachineAuth;
pub use self::response::{
    Auto, EmptyBody, GrpcStatus, ProblemJson, ResponseForAuthError, ResponseFuture,
};
#[cfg(feature = "tonic")]
pub(crate) use self::response::{grpc_status, pushback};
pub(crate) use self::response::{misplaced, reject};
pub(crate) use self::scopes::{Refusal, check_scopes};
pub use self::scopes::{RequireScopes, RequireScopesService, require_scopes};
pub use self::service::ClerkMachineAuthService;
