//! An MCP server that Clerk's users sign in to, with rmcp, axum and `clerk-machine-auth`:
//!
//! ```sh
//! cargo run --manifest-path examples/mcp_server/Cargo.toml
//! ```
//!
//! With no `CLERK_*` variable set it brings a Clerk of its own: the emulator, which is also the
//! authorization server. It prints `MCP_URL=…` and `ISSUER=…`, then `listening on http://…`. With
//! `CLERK_*` set (`CLERK_SECRET_KEY`, `CLERK_PUBLISHABLE_KEY`) it serves against that Clerk instead.
//!
//! - `LISTEN`: address and port, `127.0.0.1:3000` by default; port 0 takes a free one.
//! - `PUBLIC_URL`: the URL that clients call, where it is not that of the listener. It is what has to
//!   be registered with Clerk.
//! - `SESSIONS=1`: keeps sessions for clients of protocol revisions before 2026-07-28.
//! - `RUST_LOG`: what is logged.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod clerk;
mod tools;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use clerk_machine_auth::{Authenticator, McpScopes, McpSessionGuard, ProtectedResource};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::clerk::Clerk;
use crate::tools::Reports;

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
    let clerk = Clerk::find().await?;
    let listener = listen().await?;
    let base_url = format!("http://{}", listener.local_addr()?);
    let url = variable("PUBLIC_URL").unwrap_or_else(|| format!("{base_url}/mcp"));

    // The three lines that a team adds to its own server: these two, and the layers in `app`.
    let resource = ProtectedResource::new(&url)?
        // What clients ask for at first; a tool that needs more says so itself.
        .scopes(["profile"])?
        .name("Reports");
    let auth = clerk.builder.clone().resource(&resource).build()?;
    let app = app(&resource, auth);

    let mut lines = vec![format!("MCP_URL={url}")];
    lines.extend(clerk.issuer.iter().map(|issuer| format!("ISSUER={issuer}")));
    lines.extend(clerk.tokens(&url));
    lines.push(format!("listening on {base_url}"));
    writeln!(io::stdout(), "{}", lines.join("\n"))?;
    axum::serve(listener, app)
        .with_graceful_shutdown(stopped())
        .await?;
    Ok(())
}

fn app(resource: &ProtectedResource, auth: Authenticator) -> Router {
    let scopes = McpScopes::new().tool("delete_report", ["reports:write"]);
    Router::new()
        .route_service("/mcp", mcp(resource))
        .layer(McpSessionGuard::new())
        .layer(scopes)
        .layer(resource.layer(auth))
        .layer(resource.metadata_service())
        // Added after the layers, and so outside of them.
        .route("/health", get(|| async { "ok" }))
}

/// The server of rmcp, as it is without any protection.
fn mcp(resource: &ProtectedResource) -> StreamableHttpService<Reports, LocalSessionManager> {
    let sessions = variable("SESSIONS").is_some();
    let host = resource
        .url()
        .split('/')
        .nth(2)
        .unwrap_or_default()
        .to_owned();
    // Without sessions an answer comes in one piece, so that a tool's own refusal reaches the client
    // as a 403 with which it signs in for more.
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts([host])
        .with_legacy_session_mode(sessions)
        .with_json_response(!sessions);
    StreamableHttpService::new(|| Ok(Reports::default()), Arc::default(), config)
}

async fn listen() -> Outcome<TcpListener> {
    let address = variable("LISTEN").unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    TcpListener::bind(&address)
        .await
        .map_err(|error| format!("LISTEN: cannot listen on `{address}`: {error}").into())
}

/// Returns a variable that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.trim().is_empty())
}

async fn stopped() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler the process ends by the signal itself.
        std::future::pending::<()>().await;
    }
}
