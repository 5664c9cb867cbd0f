//! A client that sends tokens of its machine with every call, minted when they are needed:
//!
//! ```sh
//! cargo run --manifest-path examples/grpc/Cargo.toml --bin client
//! ```
//!
//! `TARGET` is the server, `CLERK_MACHINE_SECRET_KEY` this machine's secret; `CLERK_API_URL` the Clerk
//! that mints, where it is an emulator. The server prints all three.

use std::error::Error;
use std::process::ExitCode;

use clerk_machine_auth::{M2mTokenLayer, M2mTokenSource};
use grpc::proto::reports_client::ReportsClient;
use grpc::proto::{DeleteRequest, ReadRequest, WhoAmIRequest};
use tonic::transport::Endpoint;
use tower::ServiceBuilder;

#[tokio::main]
async fn main() -> ExitCode {
    match call().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn call() -> Result<(), Box<dyn Error>> {
    let target = std::env::var("TARGET").unwrap_or_else(|_| "http://127.0.0.1:50051".to_owned());
    let source = M2mTokenSource::from_env()?;
    let channel = Endpoint::from_shared(target)?.connect().await?;
    // A channel has one origin, and its requests do not name it yet when the layer sees them.
    let channel = ServiceBuilder::new()
        .layer(M2mTokenLayer::any_origin(source))
        .service(channel);
    let mut reports = ReportsClient::new(channel);

    let me = reports.who_am_i(WhoAmIRequest {}).await?.into_inner();
    println!(
        "OK: {} ({}), scopes {:?}",
        me.subject, me.token_type, me.scopes
    );
    let mut months = reports.read(ReadRequest {}).await?.into_inner();
    while let Some(report) = months.message().await? {
        println!("OK: report of {}", report.month);
    }
    let month = "2026-10".to_owned();
    match reports.delete(DeleteRequest { month }).await {
        Ok(_) => println!("OK: deleted"),
        Err(status) => println!("{:?}: {}", status.code(), status.message()),
    }
    Ok(())
}
