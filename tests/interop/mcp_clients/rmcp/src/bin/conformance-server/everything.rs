//! The tools, resources and prompts that the scenarios ask for by name. What never changes is in
//! `everything.json`; what a tool does meanwhile is here.
#![allow(deprecated)] // Logging and sampling are, and scenarios ask for them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmcp::model::*;
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

type Outcome<T> = Result<T, ErrorData>;

const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const STEP: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Default)]
pub(crate) struct Everything {
    subscribed: Arc<Mutex<BTreeSet<String>>>,
}

/// A part of `everything.json`, with the names in braces replaced.
fn part<T: DeserializeOwned>(pointer: &[&str], values: &[(&str, &str)]) -> Outcome<T> {
    let unknown = || ErrorData::invalid_params(format!("{pointer:?} is unknown"), None);
    let all: Value = serde_json::from_str(include_str!("everything.json")).map_err(broken)?;
    let mut part = &all;
    for name in pointer {
        part = part.get(name).ok_or_else(unknown)?;
    }
    let mut text = part.to_string().replace("{pixel}", PIXEL);
    for (name, value) in values {
        let value = json!(value).to_string();
        text = text.replace(&format!("{{{name}}}"), value.trim_matches('"'));
    }
    serde_json::from_str(&text).map_err(broken)
}

fn broken(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

/// The arguments that are strings, as `part` wants them.
fn strings<'a>(
    arguments: impl IntoIterator<Item = (&'a String, &'a Value)>,
) -> Vec<(&'a str, &'a str)> {
    let text = |(name, value): (&'a String, &'a Value)| Some((name.as_str(), value.as_str()?));
    arguments.into_iter().filter_map(text).collect()
}

fn text(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text.into())])
}

async fn logging(context: &RequestContext<RoleServer>) -> Outcome<CallToolResult> {
    for message in [
        "Tool execution started",
        "Tool processing data",
        "Tool execution completed",
    ] {
        let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(message));
        context
            .peer
            .notify_logging_message(message)
            .await
            .map_err(broken)?;
        tokio::time::sleep(STEP).await;
    }
    Ok(text("logged"))
}

async fn progress(context: &RequestContext<RoleServer>) -> Outcome<CallToolResult> {
    for done in [0.0, 50.0, 100.0] {
        if let Some(token) = context.meta.get_progress_token() {
            let progress = ProgressNotificationParam::new(token, done).with_total(100.0);
            context
                .peer
                .notify_progress(progress)
                .await
                .map_err(broken)?;
        }
        tokio::time::sleep(STEP).await;
    }
    Ok(text("done"))
}

async fn sampling(
    context: &RequestContext<RoleServer>,
    arguments: &JsonObject,
) -> Outcome<CallToolResult> {
    let content = json!({"type": "text", "text": arguments.get("prompt")});
    let params = json!({"messages": [{"role": "user", "content": content}], "maxTokens": 100});
    let params = serde_json::from_value(params).map_err(broken)?;
    let answer = context.peer.create_message(params).await.map_err(broken)?;
    Ok(text(format!("LLM response: {:?}", answer.message)))
}

async fn elicitation(
    context: &RequestContext<RoleServer>,
    tool: &str,
    arguments: &JsonObject,
) -> Outcome<CallToolResult> {
    let form = part(&["forms", tool], &strings(arguments))?;
    let answer = context
        .peer
        .create_elicitation(form)
        .await
        .map_err(broken)?;
    let answer = serde_json::to_string(&answer).map_err(broken)?;
    Ok(text(format!("User response: {answer}")))
}

impl ServerHandler for Everything {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_completions()
            .enable_logging()
            .enable_prompts()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_tools()
            .build();
        ServerConfig::new(capabilities)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Outcome<ListToolsResult> {
        Ok(ListToolsResult::with_all_items(part(&["tools"], &[])?))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Outcome<CallToolResponse> {
        let arguments = request.arguments.unwrap_or_default();
        let result = match &*request.name {
            "test_tool_with_logging" => logging(&context).await?,
            "test_tool_with_progress" => progress(&context).await?,
            "test_sampling" => sampling(&context, &arguments).await?,
            name if name.starts_with("test_elicitation") => {
                elicitation(&context, name, &arguments).await?
            }
            name => part(&["results", name], &[])?,
        };
        Ok(result.into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Outcome<ListResourcesResult> {
        Ok(ListResourcesResult::with_all_items(part(
            &["resources"],
            &[],
        )?))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Outcome<ListResourceTemplatesResult> {
        Ok(ListResourceTemplatesResult::with_all_items(part(
            &["templates"],
            &[],
        )?))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Outcome<ReadResourceResponse> {
        let uri = request.uri.as_str();
        let id = uri
            .strip_prefix("test://template/")
            .and_then(|rest| rest.strip_suffix("/data"));
        let name = if id.is_some() { "test://template" } else { uri };
        let values = [("uri", uri), ("id", id.unwrap_or_default())];
        let contents = part(&["contents", name], &values)?;
        Ok(ReadResourceResult::new(vec![contents]).into())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Outcome<()> {
        self.subscribed.lock().map_err(broken)?.insert(request.uri);
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Outcome<()> {
        self.subscribed.lock().map_err(broken)?.remove(&request.uri);
        Ok(())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Outcome<ListPromptsResult> {
        Ok(ListPromptsResult::with_all_items(part(&["prompts"], &[])?))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Outcome<GetPromptResponse> {
        let arguments = request.arguments.unwrap_or_default();
        let messages = part(&["messages", &request.name], &strings(&arguments))?;
        Ok(GetPromptResult::new(messages).into())
    }

    async fn set_level(
        &self,
        _: SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Outcome<()> {
        Ok(())
    }
}
