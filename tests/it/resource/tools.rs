//! P6: the scopes of a tool.

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse as _;
use clerk_machine_auth::{McpScopes, require_scopes};
use http::Method;

use crate::resource::world::{CHALLENGE, World, call, challenge, get};

fn app(world: &World) -> Router {
    let scopes = McpScopes::new()
        .tool("delete_report", ["reports:write", "reports:read"])
        .tool("mistaken", [""; 0])
        .default(["reports:read"]);
    let handler = |request: Request| async move {
        let (parts, _) = request.into_parts();
        // A tool whose answer hides the refusal, as JSON-RPC does.
        if parts.headers.contains_key("x-body-calls-tool") {
            let _ = require_scopes(&parts, ["reports:write", "reports:read"]);
        }
        "ran".into_response()
    };
    Router::new()
        .fallback(handler)
        .layer(scopes)
        .layer(world.layer())
}

fn post(token: &str, fields: &[(&'static str, &str)]) -> Request {
    let mut request = get("/mcp", Some(token));
    *request.method_mut() = Method::POST;
    for (name, value) in fields {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request
}

const NEW: (&str, &str) = ("mcp-protocol-version", "2026-07-28");
const CALL: (&str, &str) = ("mcp-method", "tools/call");
const DELETE: (&str, &str) = ("mcp-name", "delete_report");

#[tokio::test]
async fn p6_a_tool_asks_for_its_own_scopes_by_the_header_fields() {
    let world = World::new().await;
    let app = app(&world);
    let (read, write) = (
        world.token(&["reports:read"]),
        world.token(&["reports:read", "reports:write"]),
    );
    let none = world.token(&[]);
    let coded = ("mcp-name", "=?base64?ZGVsZXRlX3JlcG9ydA==?=");
    let whoami = ("mcp-name", "whoami");
    for (token, fields, expected) in [
        (&read, vec![NEW, CALL, DELETE], 403),
        (&read, vec![NEW, CALL, coded], 403),
        (&write, vec![NEW, CALL, DELETE], 200),
        (&read, vec![NEW, CALL, whoami], 200),
        (&none, vec![NEW, CALL, whoami], 403),
        (&read, vec![NEW, ("mcp-method", "tools/list")], 200),
        (&none, vec![NEW, ("mcp-method", "tools/list")], 403),
        (&write, vec![NEW, CALL], 400),
        (&write, vec![NEW, CALL, whoami, DELETE], 400),
        (&write, vec![NEW, NEW, CALL, DELETE], 400),
        (&write, vec![NEW], 400),
        (&write, vec![NEW, CALL, ("mcp-name", "mistaken")], 500),
    ] {
        let response = call(&app, post(token, &fields)).await;
        assert_eq!(response.status(), expected, "{fields:?}");
    }
    let lacking = call(&app, post(&read, &[NEW, CALL, DELETE])).await;
    let expected =
        format!(r#"{CHALLENGE}, error="insufficient_scope", scope="reports:write reports:read""#);
    assert_eq!(challenge(&lacking), expected);
}

#[tokio::test]
async fn p6_a_tool_of_an_older_revision_asks_itself_and_the_client_is_told() {
    let world = World::new().await;
    let app = app(&world);
    let old = ("mcp-protocol-version", "2025-11-25");
    let in_body = ("x-body-calls-tool", "1");
    let (read, write) = (
        world.token(&["reports:read"]),
        world.token(&["reports:read", "reports:write"]),
    );
    // The fields do not count in an older revision, whatever they say.
    let allowed = call(&app, post(&read, &[old, CALL, DELETE])).await;
    assert_eq!(allowed.status(), 200);
    assert_eq!(
        call(&app, post(&world.token(&[]), &[old])).await.status(),
        403
    );
    for fields in [
        vec![old, in_body],
        vec![in_body],
        vec![NEW, CALL, ("mcp-name", "whoami"), in_body],
    ] {
        let refused = call(&app, post(&read, &fields)).await;
        assert_eq!(refused.status(), 403, "{fields:?}");
        let expected = format!(
            r#"{CHALLENGE}, error="insufficient_scope", scope="reports:write reports:read""#
        );
        assert_eq!(challenge(&refused), expected);
        assert_eq!(call(&app, post(&write, &fields)).await.status(), 200);
    }
}

#[tokio::test]
async fn p6_scopes_without_a_layer_let_nobody_in() {
    let app = Router::new()
        .fallback(|| async {})
        .layer(McpScopes::new().default(["a"]));
    assert_eq!(call(&app, get("/mcp", None)).await.status(), 500);
}
