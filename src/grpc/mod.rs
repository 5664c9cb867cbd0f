//! Protects gRPC services: a layer that requires scopes by method and, behind the feature `tonic`, what
//! tonic services need in addition.
//!
//! [`ClerkMachineAuth`](crate::ClerkMachineAuth) is a layer for tonic as well as for axum. For gRPC it
//! responds with [`GrpcStatus`](crate::middleware::GrpcStatus). If HTTP and gRPC share a port, use
//! [`Auto`](crate::middleware::Auto). This module adds
//!
//! - [`GrpcScopes`]: a layer that requires scopes by method;
//! - `RequestExt`: the identity and its scopes, from a `tonic::Request`;
//! - `tonic::Status` from an [`AuthError`](crate::AuthError), so that handlers can use `?`;
//! - `NamedService` for the services of both layers, so that they can wrap a single service as well as
//!   all of them.
//!
//! ```
//! # #[cfg(feature = "tonic")]
//! # mod example {
//! use clerk_machine_auth::grpc::{GrpcScopes, RequestExt as _};
//! use clerk_machine_auth::middleware::GrpcStatus;
//! use clerk_machine_auth::{Authenticator, ClerkMachineAuth};
//! use tonic::{Request, Response, Status};
//!
//! async fn whoami(request: Request<()>) -> Result<Response<String>, Status> {
//!     let auth = request.machine_auth()?;
//!     Ok(Response::new(auth.subject().to_owned()))
//! }
//!
//! fn layers(clerk: Authenticator) -> (ClerkMachineAuth<GrpcStatus>, GrpcScopes) {
//!     let auth = ClerkMachineAuth::new(clerk).on_rejection(GrpcStatus);
//!     let scopes = GrpcScopes::new()
//!         .method("/reports.v1.Reports/Delete", ["reports:write"])
//!         .service("reports.v1.Reports", ["reports:read"]);
//!     // Server::builder().layer(auth).layer(scopes).add_service(…)
//!     (auth, scopes)
//! }
//! # }
//! ```
//!
//! # What a layer covers
//!
//! `Server::builder().layer(…)` covers every service of the server, including those added later. An
//! interceptor covers the service that it is created with. Health and reflection are services like any
//! other. To keep them open, wrap only the services to protect, with
//! `ServiceBuilder::new().layer(auth).service(ReportsServer::new(…))`, and add the open ones without a
//! layer. A router that is merged into another one does not get the other's layers.
//!
//! `examples/grpc` shows both, with a client.

mod scopes;
#[cfg(feature = "tonic")]
mod tonic;

pub use self::scopes::{GrpcScopes, GrpcScopesService};
#[cfg(feature = "tonic")]
#[cfg_attr(docsrs, doc(cfg(feature = "tonic")))]
pub use self::tonic::RequestExt;
