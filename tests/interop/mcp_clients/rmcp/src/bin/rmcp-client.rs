//! rmcp's own client against examples/mcp_server: sign in, call, step up, be sent away.
//!
//!     rmcp-client MCP_URL

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use rmcp::model::{CallToolRequestParams, ClientConfig};
use rmcp::service::RunningService;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::{AuthClient, AuthorizationManager, AuthorizationRequest, OAuthState};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{RoleClient, ServiceError, ServiceExt as _};
use serde_json::Value;

type Outcome<T> = Result<T, Box<dyn Error>>;
type Session = RunningService<RoleClient, ClientConfig>;

const CALLBACK: &str = "http://127.0.0.1/callback";

#[derive(Default)]
struct Checks {
    passed: u32,
    failed: u32,
}

impl Checks {
    fn check(&mut self, name: &str, is_right: bool, detail: impl std::fmt::Debug) {
        if is_right {
            self.passed += 1;
            println!("ok   rmcp: {name}");
        } else {
            self.failed += 1;
            println!("FAIL rmcp: {name} ({detail:?})");
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    println!("rmcp 3.11.0");
    let url = std::env::args().nth(1).unwrap_or_default();
    let mut checks = Checks::default();
    if let Err(error) = whole(&url, &mut checks).await {
        checks.check("whole", false, error);
    }
    println!("{} passed, {} failed", checks.passed, checks.failed);
    ExitCode::from(u8::from(checks.failed > 0))
}

async fn whole(url: &str, checks: &mut Checks) -> Outcome<()> {
    let (manager, asked) = signed_in(url, None).await?;
    checks.check(
        "signs in",
        asked.contains("code_challenge_method=S256"),
        &asked,
    );
    let resource = url.replace(':', "%3A").replace('/', "%2F");
    checks.check("names the resource", asked.contains(&resource), &asked);
    checks.check("asks for the least", !asked.contains("reports"), &asked);
    let session = session(url, manager).await?;
    let revision = session
        .peer_info()
        .map(|info| info.protocol_version.to_string());
    checks.check(
        &format!("speaks revision {}", revision.as_deref().unwrap_or("?")),
        revision.as_deref() == Some("2025-11-25"),
        &revision,
    );
    let me: Value = serde_json::from_str(&call(&session, "whoami", "{}").await?)?;
    checks.check("calls whoami", me["aud"][0] == url, &me);

    let month = r#"{"month":"2026-11"}"#;
    let refused = call(&session, "delete_report", month).await.err();
    let challenge = refused.as_ref().and_then(ServiceError::auth_challenge);
    let challenge = challenge.unwrap_or_default().to_owned();
    let is_step_up = challenge.contains("insufficient_scope");
    checks.check("is asked to step up", is_step_up, &refused);
    let (manager, asked) = signed_in(url, Some(&challenge)).await?;
    checks.check(
        "for the scope of the tool",
        asked.contains("reports%3Awrite"),
        &asked,
    );
    let (client, tokens) = manager.get_credentials().await?;
    let tokens = serde_json::to_value(tokens)?;
    let token = tokens["refresh_token"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let session = self::session(url, manager).await?;
    let text = call(&session, "delete_report", month).await?;
    checks.check(
        "calls delete_report",
        text == "deleted the report of 2026-11",
        &text,
    );

    revoke(url, &token, &client).await?;
    let away = call(&session, "whoami", "{}").await.err();
    let is_away = away.as_ref().is_some_and(|error| {
        error.is_authorization_required() || format!("{error:?}").contains("AuthorizationRequired")
    });
    checks.check("is sent away after the revocation", is_away, &away);
    let (manager, _) = signed_in(url, None).await?;
    let session = self::session(url, manager).await?;
    let me = call(&session, "whoami", "{}").await?;
    checks.check("signs in again", me.contains("oauth_token"), &me);
    Ok(())
}

/// Signs in as a browser does whose user consents at once; returns what was asked for, too.
async fn signed_in(url: &str, challenge: Option<&str>) -> Outcome<(AuthorizationManager, String)> {
    let manager = AuthorizationManager::new_allowing_private_addresses(url).await?;
    let mut state = OAuthState::Unauthorized(manager);
    let mut request = AuthorizationRequest::new(CALLBACK);
    if let Some(challenge) = challenge {
        request = request.with_challenge(challenge);
    }
    state.start_authorization(request).await?;
    let asked = state.get_authorization_url().await?;
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let answer = browser.build()?.get(&asked).send().await?;
    let back = answer.headers()["location"].to_str()?;
    state.handle_callback_url(back).await?;
    match state {
        OAuthState::Authorized(manager) => Ok((manager, asked)),
        _ => Err("not authorized".into()),
    }
}

async fn session(url: &str, manager: AuthorizationManager) -> Outcome<Session> {
    let client = AuthClient::new(reqwest::Client::new(), manager);
    let config = StreamableHttpClientTransportConfig::with_uri(url);
    let transport = StreamableHttpClientTransport::with_client(client, config);
    Ok(ClientConfig::default().serve(transport).await?)
}

async fn call(
    session: &Session,
    tool: &'static str,
    arguments: &str,
) -> Result<String, ServiceError> {
    let arguments = serde_json::from_str(arguments).unwrap_or_default();
    let params = CallToolRequestParams::new(tool).with_arguments(arguments);
    let result = session.call_tool(params).await?;
    let text = result.content.first().and_then(|block| block.as_text());
    Ok(text.map(|text| text.text.clone()).unwrap_or_default())
}

async fn revoke(url: &str, token: &str, client: &str) -> Outcome<()> {
    let http = reqwest::Client::new();
    let base = reqwest::Url::parse(url)?;
    let at = base.join(&format!(
        "/.well-known/oauth-protected-resource{}",
        base.path()
    ))?;
    let document: Value = http.get(at).send().await?.json().await?;
    let issuer = document["authorization_servers"][0]
        .as_str()
        .unwrap_or_default();
    let at = format!("{issuer}/.well-known/oauth-authorization-server");
    let document: Value = http.get(at).send().await?.json().await?;
    let at = document["revocation_endpoint"].as_str().unwrap_or_default();
    let form = [("token", token), ("client_id", client)];
    http.post(at).form(&form).send().await?.error_for_status()?;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    Ok(())
}
