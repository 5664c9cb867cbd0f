//! The tools: who calls, and one that needs a scope.

use clerk_machine_auth::{MachineAuth, require_scopes};
use http::request::Parts;
use rmcp::handler::server::common::Extension;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock, ServerCapabilities, ServerConfig};
use rmcp::{ErrorData, ServerHandler, schemars, tool, tool_handler, tool_router};

/// A server of reports.
#[derive(Debug, Clone)]
pub(crate) struct Reports {
    tool_router: ToolRouter<Self>,
}

impl Default for Reports {
    fn default() -> Self {
        Self {
            tool_router: Self::tool_router(),
        }
    }
}

/// Which report.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Report {
    /// Its month, such as `2026-11`.
    month: String,
}

#[tool_router]
impl Reports {
    #[tool(description = "Says who calls: the user, the application and its scopes")]
    fn whoami(&self, Extension(parts): Extension<Parts>) -> Result<CallToolResult, ErrorData> {
        // What the layer has verified travels in the request's extensions.
        let Some(auth) = parts.extensions.get::<MachineAuth>() else {
            return Err(ErrorData::internal_error(
                "no layer has seen this request",
                None,
            ));
        };
        let auth = serde_json::to_string(auth)
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        Ok(CallToolResult::success(vec![ContentBlock::text(auth)]))
    }

    #[tool(description = "Deletes a report; needs the scope reports:write")]
    fn delete_report(
        &self,
        Parameters(Report { month }): Parameters<Report>,
        Extension(parts): Extension<Parts>,
    ) -> Result<CallToolResult, ErrorData> {
        // A client of an older protocol revision names the tool in the body only, so ask here too.
        require_scopes(&parts, ["reports:write"])
            .map_err(|error| ErrorData::invalid_request(error.to_string(), None))?;
        let text = format!("deleted the report of {month}");
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]))
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Reports {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}
