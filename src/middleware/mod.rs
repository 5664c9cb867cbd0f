//! The tower layers: one that lets in who has a token, one that asks for scopes.

mod bare;
mod future;
mod layer;
mod outer;
mod problem;
mod rejection;
mod scopes;
mod service;

pub use self::bare::{EmptyBody, GrpcStatus};
pub use self::future::{Decided, ResponseFuture};
pub use self::layer::ClerkMachineAuth;
pub use self::problem::ProblemJson;
pub use self::rejection::ResponseForAuthError;
pub(crate) use self::rejection::{misplaced, reject};
pub(crate) use self::scopes::{Refusal, check_scopes};
pub use self::scopes::{RequireScopes, RequireScopesService, require_scopes};
pub use self::service::ClerkMachineAuthService;
