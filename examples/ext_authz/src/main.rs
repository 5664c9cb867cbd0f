//! Answers Envoy's `ext_authz` over gRPC, so that the services behind it are protected in any
//! language:
//!
//! ```sh
//! cargo run --manifest-path examples/ext_authz/Cargo.toml
//! ```
//!
//! `envoy.yaml` beside it is the configuration of Envoy. Over gRPC every rejection reaches the client
//! whole, 503 with `Retry-After` included; over HTTP (`examples/forward_auth.rs`) Envoy makes an answer
//! of its own of that.
//!
//! Without Clerk's settings in the environment it starts an emulator, and prints tokens as
//! `NAME=value` lines. With `CLERK_SECRET_KEY`, `CLERK_MACHINE_SECRET_KEY`, `CLERK_JWT_KEY` or
//! `CLERK_PUBLISHABLE_KEY` it asks that Clerk instead. The last line is `listening on http://…`.
//!
//! - `LISTEN`: address and port, `127.0.0.1:4182` by default. Only Envoy should reach it.
//! - `POLICIES`: `name=scope+scope,…`; a policy without scopes is `name`. The default is
//!   `any,reports=reports:read`.
//! - `RUST_LOG`: what is logged.

mod check;
mod clerk;

use std::error::Error;
use std::io;
use std::process::ExitCode;

use clerk_machine_auth::{Authenticator, ClerkMachineAuth, ForwardAuth, Gateway};
use envoy_types::ext_authz::v3::pb::AuthorizationServer;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tracing_subscriber::EnvFilter;

use crate::check::Checks;
use crate::clerk::Clerk;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Outcome<()> {
    let policies = variable("POLICIES").unwrap_or_else(|| "any,reports=reports:read".to_owned());
    let clerk = Clerk::find().await?;
    let checks = checks(&clerk.builder.build()?, &policies)?;
    let address = variable("LISTEN").unwrap_or_else(|| "127.0.0.1:4182".to_owned());
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("LISTEN: cannot listen on `{address}`: {error}"))?;
    for (name, token) in &clerk.tokens {
        println!("{name}={token}");
    }
    println!("listening on http://{}", listener.local_addr()?);
    Server::builder()
        .add_service(AuthorizationServer::new(Checks::new(checks)))
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await?;
    Ok(())
}

/// A policy for each name, with the scopes that stand behind it.
fn checks(auth: &Authenticator, policies: &str) -> Outcome<ForwardAuth> {
    // The token is removed by `check`, and nothing else is special about Envoy over gRPC.
    let mut checks = ForwardAuth::new(Gateway::ForwardAuth);
    for policy in policies.split(',').map(str::trim) {
        let any = ClerkMachineAuth::new(auth.clone());
        let (name, layer) = match policy.split_once('=') {
            Some((name, scopes)) => {
                let layer = any.try_require_scopes(scopes.split('+'));
                (
                    name,
                    layer.map_err(|error| format!("POLICIES: `{policy}`: {error}"))?,
                )
            }
            None => (policy, any),
        };
        checks = checks.policy(name, layer);
    }
    Ok(checks)
}

/// Returns a variable that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.trim().is_empty())
}
