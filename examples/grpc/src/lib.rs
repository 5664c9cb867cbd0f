//! A gRPC server of tonic, protected by `clerk-machine-auth`: which layers go where.

mod clerk;
mod reports;

use clerk_machine_auth::grpc::GrpcScopes;
use clerk_machine_auth::middleware::GrpcStatus;
use clerk_machine_auth::{Authenticator, ClerkMachineAuth};
use tonic::transport::Server;
use tonic::transport::server::Router;
use tower::ServiceBuilder;
use tower::layer::util::{Identity, Stack};

pub use crate::clerk::Clerk;
use crate::proto::reports_server::ReportsServer;
use crate::reports::Reports;

/// What is made of `proto/reports/v1/reports.proto`.
pub mod proto {
    tonic::include_proto!("reports.v1");
}

/// What the methods ask for. One that is not listed is closed.
fn scopes() -> GrpcScopes {
    GrpcScopes::new()
        .without_scopes("/reports.v1.Reports/WhoAmI")
        .method("/reports.v1.Reports/Delete", ["reports:write"])
        .service("reports.v1.Reports", ["reports:read"])
}

/// The layer around one service: health, beside it, is open to the probes of a cluster.
pub async fn one(clerk: Authenticator) -> Router {
    let auth = ClerkMachineAuth::new(clerk).on_rejection(GrpcStatus);
    let (health, health_server) = tonic_health::server::health_reporter();
    health.set_serving::<ReportsServer<Reports>>().await;
    let reports = ServiceBuilder::new()
        .layer(auth)
        .layer(scopes())
        .service(ReportsServer::new(Reports));
    Server::builder()
        .add_service(health_server)
        .add_service(reports)
}

type Layers = Stack<GrpcScopes, Stack<ClerkMachineAuth<GrpcStatus>, Identity>>;

/// The layer around the server: nothing that is added is open, health included.
pub async fn all(clerk: Authenticator) -> Router<Layers> {
    let auth = ClerkMachineAuth::new(clerk).on_rejection(GrpcStatus);
    let (health, health_server) = tonic_health::server::health_reporter();
    health.set_serving::<ReportsServer<Reports>>().await;
    Server::builder()
        .layer(auth)
        .layer(scopes().service("grpc.health.v1.Health", ["health:read"]))
        .add_service(health_server)
        .add_service(ReportsServer::new(Reports))
}
