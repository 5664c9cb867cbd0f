//! Protects gRPC services: a layer that asks for scopes by method and, behind the feature `tonic`, what
//! services of tonic need beside it.
//!
//! [`ClerkMachineAuth`](crate::ClerkMachineAuth) is a layer for tonic as it is for axum. It answers with
//! [`GrpcStatus`](crate::middleware::GrpcStatus); where HTTP and gRPC share a port, with
//! [`Auto`](crate::middleware::Auto). This module adds
//!
//! - [`GrpcScopes`]: a layer that asks for scopes by method;
//! - `RequestExt`: the identity, and scopes, from a `tonic::Request`;
//! - `tonic::Status` from an [`AuthError`](crate::AuthError), so that handlers use `?`;
//! - `NamedService` for the services of both layers, so that they go around one service as well as
//!   around all.
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
//! `Server::builder().layer(…)` covers every service of the server, also those that are added later;
//! an interceptor covers the service that it is made with. Health and reflection are services like
//! any other: to keep them open, put the layer around the services that are to be protected, with
//! `ServiceBuilder::new().layer(auth).service(ReportsServer::new(…))`, and add the open ones bare. A
//! router that is merged into another one does not get that one's layers.
//!
//! `examples/grpc` shows both, with a client.

mod scopes;
#[cfg(feature = "tonic")]
mod tonic;

pub use self::scopes::{GrpcScopes, GrpcScopesService};
#[cfg(feature = "tonic")]
#[cfg_attr(docsrs, doc(cfg(feature = "tonic")))]
pub use self::tonic::RequestExt;
