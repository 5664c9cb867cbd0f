//! A server of rmcp for the conformance scenarios, once with the layer and once without; a token that
//! the layer accepts is printed.
//!
//!     PROTECTED=1 conformance-server

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use clerk_machine_auth::testing::ClerkEmulator;
use clerk_machine_auth::{McpScopes, McpSessionGuard, ProtectedResource};
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::model::{CallToolResult, ContentBlock, ServerCapabilities, ServerConfig};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ServerHandler, tool, tool_handler, tool_router};
use tokio::net::TcpListener;

#[derive(Debug, Clone)]
struct Server {
    tool_router: ToolRouter<Self>,
}

/// The tools that scenarios call by these names; others fail with the layer and without.
#[tool_router]
impl Server {
    #[tool(description = "Answers with a text")]
    fn test_simple_text(&self) -> CallToolResult {
        let text = "This is a simple text response for testing.";
        CallToolResult::success(vec![ContentBlock::text(text)])
    }

    #[tool(description = "Answers with an image")]
    fn test_image_content(&self) -> CallToolResult {
        CallToolResult::success(vec![ContentBlock::image(PIXEL, "image/png")])
    }

    #[tool(description = "Answers with a text and an image")]
    fn test_multiple_content_types(&self) -> CallToolResult {
        let text = ContentBlock::text("Multiple content types test:");
        CallToolResult::success(vec![text, ContentBlock::image(PIXEL, "image/png")])
    }

    #[tool(description = "Fails")]
    fn test_error_handling(&self) -> CallToolResult {
        let text = "This tool intentionally returns an error for testing";
        CallToolResult::error(vec![ContentBlock::text(text)])
    }
}

const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/mcp", listener.local_addr()?);
    let server = || {
        Ok(Server {
            tool_router: Server::tool_router(),
        })
    };
    let mcp: StreamableHttpService<Server, LocalSessionManager> = StreamableHttpService::new(
        server,
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
