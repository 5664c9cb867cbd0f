//! A server of rmcp for the conformance scenarios, once with the layer and once without; a token that
//! the layer accepts is printed.
//!
//!     PROTECTED=1 conformance-server

mod everything;

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use clerk_machine_auth::testing::ClerkEmulator;
use clerk_machine_auth::{McpScopes, McpSessionGuard, ProtectedResource};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;

use everything::Everything;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/mcp", listener.local_addr()?);
    let mcp: StreamableHttpService<Everything, LocalSessionManager> = StreamableHttpService::new(
        || Ok(Everything::default()),
        Arc::default(),
        StreamableHttpServerConfig::default(),
    );
    let app = Router::new().route_service("/mcp", mcp);
    println!("MCP_URL={url}");
    if std::env::var_os("PROTECTED").is_none() {
        println!("listening");
        return Ok(axum::serve(listener, app).await?);
    }
    let clerk = ClerkEmulator::start().await;
    let me = clerk.machine("conformance").create();
    let resource = ProtectedResource::new(&url)?;
    let auth = clerk
        .authenticator_builder(&me)
        .resource(&resource)
        .build()?;
    let token = clerk
        .oauth_token(clerk.new_user_id())
        .audience(url)
        .create();
    println!("TOKEN={}\nlistening", token.token());
    let app = app
        .layer(McpSessionGuard::new())
        .layer(McpScopes::new())
        .layer(resource.layer(auth))
        .layer(resource.metadata_service());
    Ok(axum::serve(listener, app).await?)
}
