//! P1: the metadata of a resource.

use axum::Router;
use clerk_machine_auth::{ProtectedResource, testing::Endpoint};
use http::{Method, Request};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::layer::world::text;
use crate::resource::world::{METADATA, URL, World, call, get};

const ROOT: &str = "/.well-known/oauth-protected-resource";

#[tokio::test]
async fn p1_the_metadata_is_answered_without_a_token_whichever_layer_is_outside() {
    let world = World::new().await;
    let inside = Router::new()
        .layer(world.layer())
        .layer(world.resource.metadata_service());
    let outside = Router::new()
        .layer(world.resource.metadata_service())
        .layer(world.layer());
    for app in [inside, outside] {
        for path in [METADATA, ROOT, "/.well-known/oauth-protected-resource/mcp/"] {
            let response = call(&app, get(path, None)).await;
            assert_eq!(response.status(), 200, "{path}");
            let headers = response.headers();
            assert_eq!(headers["content-type"], "application/json");
            assert_eq!(headers["cache-control"], "public, max-age=3600");
            assert_eq!(headers["access-control-allow-origin"], "*");
            let document: Value = serde_json::from_str(&text(response).await).unwrap();
            let expected = json!({
                "resource": URL,
                "authorization_servers": [world.clerk.issuer()],
                "bearer_methods_supported": ["header"],
            });
            assert_eq!(document, expected);
        }
        for path in [
            "/mcp",
            "/.well-known/other",
            "/.well-known/oauth-protected-resource/x",
        ] {
            assert_eq!(call(&app, get(path, None)).await.status(), 401, "{path}");
        }
    }
    assert_eq!(world.clerk.calls(Endpoint::Any), 0);
}

#[tokio::test]
async fn p1_only_reading_methods_are_answered() {
    let world = World::new().await;
    let app = Router::new()
        .layer(world.layer())
        .layer(world.resource.metadata_service());
    let ask = |method: Method| {
        let mut request = get(METADATA, None);
        *request.method_mut() = method;
        call(&app, request)
    };
    let head = ask(Method::HEAD).await;
    assert_eq!(head.status(), 200);
    assert!(head.headers()["content-length"] != "0");
    assert_eq!(text(head).await, "");
    let options = ask(Method::OPTIONS).await;
    assert_eq!(options.status(), 204);
    let headers = options.headers();
    assert_eq!(
        headers["access-control-allow-methods"],
        "GET, HEAD, OPTIONS"
    );
    assert_eq!(headers["access-control-allow-headers"], "*");
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let response = ask(method).await;
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "GET, HEAD, OPTIONS");
    }
}

#[tokio::test]
async fn p1_nothing_of_a_request_is_in_the_metadata() {
    let world = World::new().await;
    let app = Router::new()
        .layer(world.layer())
        .layer(world.resource.metadata_service());
    let plain = text(call(&app, get(METADATA, None)).await).await;
    let mut forged = get(
        &format!("https://evil.example{METADATA}?resource=evil"),
        None,
    );
    for name in [
        "host",
        "x-forwarded-host",
        "x-forwarded-proto",
        "forwarded",
        "origin",
    ] {
        forged
            .headers_mut()
            .insert(name, "evil.example".parse().unwrap());
    }
    assert_eq!(text(call(&app, forged).await).await, plain);
}

#[tokio::test]
async fn p1_the_root_belongs_to_a_single_resource_only() {
    let world = World::new().await;
    let other = ProtectedResource::new("https://mcp.example.com/other").unwrap();
    let other = other
        .authorization_server("https://clerk.example.com")
        .unwrap();
    let both = world.resource.metadata_service().and(&other);
    let app = Router::new().layer(world.layer()).layer(both);
    for (path, resource) in [(METADATA, URL), (&*other.metadata_path(), other.url())] {
        let document = text(call(&app, get(path, None)).await).await;
        let document: Value = serde_json::from_str(&document).unwrap();
        assert_eq!(document["resource"], resource);
    }
    let root = call(&app, get(ROOT, None)).await;
    assert_eq!(root.status(), 404, "let through, and nobody's");
}

#[tokio::test]
async fn p1_the_metadata_is_a_service_of_its_own_too() {
    let world = World::new().await;
    // Without axum, and before anybody has named the authorization server.
    let service = world.resource.metadata_service();
    let ask = |path: &str| {
        service
            .clone()
            .oneshot(Request::get(path).body(()).unwrap())
    };
    assert_eq!(ask(METADATA).await.unwrap().status(), 500);
    drop(world.layer());
    let response = ask(METADATA).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = http_body_util::BodyExt::collect(response.into_body())
        .await
        .unwrap();
    assert!(String::from_utf8_lossy(&body.to_bytes()).contains(URL));
    assert_eq!(ask("/mcp").await.unwrap().status(), 404);
}
