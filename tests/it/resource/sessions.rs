//! P7: a session stays with the identity that began it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use clerk_machine_auth::{ClerkMachineAuth, McpSessionGuard, TokenType};
use http::Method;

use crate::layer::world::text;
use crate::resource::world::{URL, World, call, get};

/// A server that takes the id of a session for proof of who uses it.
fn server() -> Router {
    let sessions: Arc<Mutex<HashSet<String>>> = Arc::default();
    let handler = move |request: Request| async move {
        let mut known = sessions.lock().unwrap();
        let named = request.headers().get("mcp-session-id");
        let named = named.map(|id| id.to_str().unwrap().to_owned());
        match named {
            None => {
                let id = format!("session-{}", known.len());
                known.insert(id.clone());
                Response::builder()
                    .header("mcp-session-id", id)
                    .body(Body::empty())
                    .unwrap()
            }
            Some(id) if !known.contains(&id) => Response::builder()
                .status(404)
                .body(Body::from("unknown"))
                .unwrap(),
            Some(id) if *request.method() == Method::DELETE => {
                known.remove(&id);
                Response::builder().status(202).body(Body::empty()).unwrap()
            }
            Some(id) => Response::builder()
                .header("mcp-session-id", id)
                .body(Body::from("used"))
                .unwrap(),
        }
    };
    Router::new().fallback(handler)
}

fn app(layer: ClerkMachineAuth) -> Router {
    server().layer(McpSessionGuard::new()).layer(layer)
}

fn with(method: Method, token: Option<&str>, session: &str) -> Request {
    let mut request = get("/mcp", token);
    *request.method_mut() = method;
    request
        .headers_mut()
        .append("mcp-session-id", session.parse().unwrap());
    request
}

async fn begin(app: &Router, token: Option<&str>) -> String {
    let response = call(app, get("/mcp", token)).await;
    assert_eq!(response.status(), 200);
    response.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn p7_a_session_is_neither_used_nor_ended_by_another_identity() {
    let world = World::new().await;
    let app = app(world.layer());
    let (a, b) = (world.token(&[]), world.token(&[]));
    let session = begin(&app, Some(&a)).await;
    for method in [Method::POST, Method::GET, Method::DELETE] {
        let response = call(&app, with(method.clone(), Some(&b), &session)).await;
        assert_eq!(response.status(), 404, "{method}");
        assert_eq!(text(response).await, "");
        let own = call(&app, with(Method::POST, Some(&a), &session)).await;
        assert_eq!(text(own).await, "used", "A is unharmed by {method}");
    }
    assert_eq!(
        call(&app, with(Method::DELETE, Some(&a), &session))
            .await
            .status(),
        202
    );
    assert_eq!(
        call(&app, with(Method::POST, Some(&a), &session))
            .await
            .status(),
        404
    );
}

#[tokio::test]
async fn p7_an_identity_is_user_and_client_not_the_token() {
    let world = World::new().await;
    let app = app(world.layer());
    let user = world.clerk.new_user_id();
    let token = |client: &str| {
        let token = world
            .clerk
            .oauth_jwt(&user)
            .audience(URL)
            .client_id(client)
            .create();
        token.token().to_owned()
    };
    let session = begin(&app, Some(&token("client_a"))).await;
    let renewed = call(&app, with(Method::POST, Some(&token("client_a")), &session)).await;
    assert_eq!(renewed.status(), 200);
    let other = call(&app, with(Method::POST, Some(&token("client_b")), &session)).await;
    assert_eq!(other.status(), 404);
}

#[tokio::test]
async fn p7_a_session_that_was_begun_without_a_token_is_adopted_by_nobody() {
    let world = World::new().await;
    let app = app(world.layer().optional());
    let anonymous = begin(&app, None).await;
    let token = world.token(&[]);
    assert_eq!(
        call(&app, with(Method::POST, Some(&token), &anonymous))
            .await
            .status(),
        404
    );
    assert_eq!(
        call(&app, with(Method::POST, None, &anonymous))
            .await
            .status(),
        200
    );
    let owned = begin(&app, Some(&token)).await;
    assert_eq!(
        call(&app, with(Method::POST, None, &owned)).await.status(),
        404
    );
}

#[tokio::test]
async fn p7_a_session_of_one_type_of_token_is_none_of_another_type() {
    let world = World::new().await;
    let app = app(world.layer().accept([TokenType::OAuth, TokenType::ApiKey]));
    let user = world.clerk.new_user_id();
    let key = world.clerk.api_key(&user).create();
    let oauth = world.clerk.oauth_jwt(&user).audience(URL).create();
    let session = begin(&app, Some(key.token())).await;
    let other = call(&app, with(Method::POST, Some(oauth.token()), &session)).await;
    assert_eq!(other.status(), 404);
}

#[tokio::test]
async fn p7_unknown_sessions_are_nobodys_and_two_ids_are_malformed() {
    let world = World::new().await;
    let app = app(world.layer());
    let token = world.token(&[]);
    assert_eq!(
        call(&app, with(Method::POST, Some(&token), "session-9"))
            .await
            .status(),
        404
    );
    let session = begin(&app, Some(&token)).await;
    let mut two = with(Method::POST, Some(&token), &session);
    two.headers_mut()
        .append("mcp-session-id", "session-9".parse().unwrap());
    assert_eq!(call(&app, two).await.status(), 400);
    // Without a layer outside there is no telling who calls.
    let open = server().layer(McpSessionGuard::new());
    assert_eq!(call(&open, get("/mcp", None)).await.status(), 500);
}
