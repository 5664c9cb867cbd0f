//! P2 and P5: how a client learns where to sign in, and for which scopes.

use axum::Router;
use axum::routing::get as route;
use clerk_machine_auth::{ClerkMachineAuth, MachineAuth, RequireScopes, require_scopes};

use crate::resource::world::{CHALLENGE, URL, World, call, challenge, get};

#[tokio::test]
async fn p2_every_rejection_that_another_token_mends_names_the_metadata() {
    let world = World::new().await;
    let app = world.app(world.layer());
    let missing = call(&app, get("/mcp", None)).await;
    assert_eq!(
        (missing.status().as_u16(), challenge(&missing)),
        (401, CHALLENGE)
    );
    let bad = call(&app, get("/mcp", Some("oat_made_up"))).await;
    let expected = format!(r#"{CHALLENGE}, error="invalid_token""#);
    assert_eq!((bad.status().as_u16(), challenge(&bad)), (401, &*expected));
    let mut two = get("/mcp", Some("a"));
    two.headers_mut()
        .append("authorization", "Bearer b".parse().unwrap());
    let two = call(&app, two).await;
    let expected = format!(r#"{CHALLENGE}, error="invalid_request""#);
    assert_eq!((two.status().as_u16(), challenge(&two)), (400, &*expected));
    let query = call(
        &app,
        get(&format!("/mcp?access_token={}", world.token(&[])), None),
    )
    .await;
    assert_eq!(
        (query.status().as_u16(), challenge(&query)),
        (401, CHALLENGE)
    );
}

#[tokio::test]
async fn p2_nothing_of_the_request_is_in_the_challenge() {
    let world = World::new().await;
    let app = world.app(world.layer());
    let mut request = get("https://evil.example/mcp", None);
    for name in ["host", "x-forwarded-host", "forwarded"] {
        request
            .headers_mut()
            .insert(name, "evil.example".parse().unwrap());
    }
    assert_eq!(challenge(&call(&app, request).await), CHALLENGE);
}

#[tokio::test]
async fn p2_a_realm_can_be_named_where_there_is_no_resource() {
    let world = World::new().await;
    let layer = ClerkMachineAuth::new(world.auth.clone()).realm("reports");
    let response = call(&world.app(layer), get("/", None)).await;
    assert_eq!(challenge(&response), r#"Bearer realm="reports""#);
}

#[tokio::test]
async fn p5_every_challenge_names_all_scopes_of_the_operation_in_their_order() {
    let world = World::new().await;
    let app = world.app(
        world
            .layer()
            .require_scopes(["reports:write", "reports:read"]),
    );
    let scopes = r#"scope="reports:write reports:read""#;
    let missing = call(&app, get("/mcp", None)).await;
    assert_eq!(challenge(&missing), format!("{CHALLENGE}, {scopes}"));
    let bad = call(&app, get("/mcp", Some("oat_made_up"))).await;
    assert_eq!(
        challenge(&bad),
        format!(r#"{CHALLENGE}, error="invalid_token", {scopes}"#)
    );
    let token = world.token(&["reports:read"]);
    let lacking = call(&app, get("/mcp", Some(&token))).await;
    assert_eq!(lacking.status(), 403);
    let expected = format!(r#"{CHALLENGE}, error="insufficient_scope", {scopes}"#);
    assert_eq!(challenge(&lacking), expected);
    let token = world.token(&["reports:read", "reports:write"]);
    assert_eq!(call(&app, get("/mcp", Some(&token))).await.status(), 200);
}

#[tokio::test]
async fn p5_what_asks_further_inside_answers_with_the_challenge_of_the_resource() {
    let world = World::new().await;
    let inside = Router::new()
        .route(
            "/layer",
            route(|| async {}).layer(RequireScopes::all(["a"])),
        )
        .route(
            "/extractor",
            route(|_: clerk_machine_auth::ApiKey| async {}),
        )
        .route(
            "/function",
            route(|request: axum::extract::Request| async move {
                let (parts, _) = request.into_parts();
                require_scopes(&parts, ["a"])
            }),
        )
        .layer(world.layer());
    let token = world.token(&["b"]);
    for path in ["/layer", "/function"] {
        let response = call(&inside, get(path, Some(&token))).await;
        let expected = format!(r#"{CHALLENGE}, error="insufficient_scope", scope="a""#);
        assert_eq!(
            (response.status().as_u16(), challenge(&response)),
            (403, &*expected),
            "{path}"
        );
    }
    let response = call(&inside, get("/extractor", Some(&token))).await;
    assert_eq!(
        challenge(&response),
        format!(r#"{CHALLENGE}, error="invalid_token""#)
    );
    let token = world.token(&["a"]);
    for path in ["/layer", "/function"] {
        assert_eq!(
            call(&inside, get(path, Some(&token))).await.status(),
            200,
            "{path}"
        );
    }
}

#[tokio::test]
async fn p5_a_scope_stands_for_others_only_where_that_was_said() {
    let world = World::new().await;
    let ask = |layer: ClerkMachineAuth| {
        let app = Router::new()
            .fallback(|_: MachineAuth| async {})
            .layer(RequireScopes::all(["reports:read"]))
            .layer(layer.require_scopes(["reports:write"]));
        let token = world.tokens(URL, &["mcp_all"])[1].clone();
        async move { call(&app, get("/", Some(&token))).await.status().as_u16() }
    };
    assert_eq!(ask(world.layer()).await, 403);
    let all = world
        .layer()
        .implies("mcp_all", ["reports:read", "reports:write"]);
    assert_eq!(ask(all).await, 200);
    let some = world.layer().implies("mcp_all", ["reports:write"]);
    assert_eq!(ask(some).await, 403);
    let chain = world.layer().implies("mcp_all", ["more"]);
    assert_eq!(
        ask(chain.implies("more", ["reports:read", "reports:write"])).await,
        403
    );
}
