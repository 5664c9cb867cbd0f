//! Rules 14 and 16: what a rejection looks like, to the last byte.

use axum::body::Body;
use axum::response::Response;
use clerk_machine_auth::testing::{Endpoint, Fault};
use clerk_machine_auth::{
    AuthError, AuthErrorKind, RequireScopes, ResponseForAuthError, TokenType,
    middleware::{EmptyBody, GrpcStatus},
};

use crate::layer::world::{World, bearer, call, request, status, text};

/// Everything that a client can see.
async fn seen(response: Response) -> String {
    let mut lines: Vec<_> = response
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    format!(
        "{}\n{}\n\n{}",
        response.status().as_u16(),
        lines.join("\n"),
        text(response).await
    )
}

#[tokio::test]
async fn rule_16_every_answer_is_one_of_six() {
    let world = World::new().await;
    let app = world.app(world.layer().require_scopes(["reports:read"]));
    world
        .clerk
        .fault(Endpoint::VerifyOAuthToken, Fault::status(500))
        .always();
    let oauth = world.clerk.oauth_token(world.clerk.new_user_id()).create();
    insta::assert_snapshot!("missing_token", seen(call(&app, request(&[])).await).await);
    insta::assert_snapshot!(
        "invalid_request",
        seen(call(&app, bearer("a b")).await).await
    );
    insta::assert_snapshot!(
        "invalid_token",
        seen(call(&app, bearer("mt_made_up")).await).await
    );
    let lacking = call(&app, bearer(&world.api_key(&["other"]))).await;
    insta::assert_snapshot!("insufficient_scope", seen(lacking).await);
    insta::assert_snapshot!(
        "unavailable",
        seen(call(&app, bearer(oauth.token())).await).await
    );
    assert_eq!(world.entries(), 0);
    let bare = axum::Router::new()
        .fallback(|| async {})
        .layer(RequireScopes::all(["reports:read"]));
    insta::assert_snapshot!("internal", seen(call(&bare, request(&[])).await).await);
}

#[tokio::test]
async fn rule_16_all_bad_tokens_get_one_answer() {
    let world = World::new().await;
    let app = world.app(world.layer().accept([TokenType::M2m]));
    let stranger = world.clerk.machine("stranger").create();
    let (clerk, minute) = (&world.clerk, std::time::Duration::from_secs(60));
    let revoked = clerk.m2m_token(&world.caller).create();
    clerk.revoke(revoked.id());
    let jwt = world.jwt();
    let forged = format!("{}AAAA", &jwt[..jwt.len() - 4]);
    let bad = [
        ("unknown", "mt_made_up_0123".to_owned()),
        ("no class", "whatever".to_owned()),
        ("revoked", revoked.token().to_owned()),
        (
            "expired",
            clerk
                .m2m_jwt(&world.caller)
                .expired_for(minute)
                .create()
                .token()
                .to_owned(),
        ),
        ("forged", forged),
        (
            "unscoped",
            clerk.m2m_jwt(&stranger).create().token().to_owned(),
        ),
        (
            "unscoped opaque",
            clerk.m2m_token(&stranger).create().token().to_owned(),
        ),
        ("unwanted type", world.api_key(&["a"])),
        (
            "session",
            clerk
                .m2m_jwt(&world.caller)
                .header("cat", "cl_B7d4PD111AAA")
                .create()
                .token()
                .to_owned(),
        ),
        (
            "no alg",
            clerk
                .m2m_jwt(&world.caller)
                .header("alg", "none")
                .create()
                .token()
                .to_owned(),
        ),
        (
            "user",
            clerk
                .m2m_jwt(&world.caller)
                .claim("sub", "user_a")
                .create()
                .token()
                .to_owned(),
        ),
        ("our secret", world.me.secret_key().to_owned()),
    ];
    let expected = seen(call(&app, bearer("mt_another_one")).await).await;
    for (name, token) in bad {
        assert_eq!(
            seen(call(&app, bearer(&token)).await).await,
            expected,
            "{name}"
        );
    }
    assert_eq!(world.entries(), 0);
}

#[tokio::test]
async fn rule_16_every_rejection_carries_its_error_for_outer_layers() {
    let world = World::new().await;
    let app = world.app(world.layer());
    for (request, kind, reason) in [
        (request(&[]), AuthErrorKind::MissingToken, "no_token"),
        (bearer("a b"), AuthErrorKind::InvalidRequest, "malformed"),
        (
            bearer("mt_made_up"),
            AuthErrorKind::InvalidToken,
            "unknown_token",
        ),
    ] {
        let response = call(&app, request).await;
        let error = response.extensions().get::<AuthError>().unwrap();
        assert_eq!((error.kind(), error.reason()), (kind, reason));
    }
}

#[tokio::test]
async fn rule_16_a_custom_answer_is_completed_and_kept() {
    let world = World::new().await;
    let app = world.app(world.layer().on_rejection(|error: &AuthError| {
        let mut response = Response::new(Body::from("own"));
        *response.status_mut() = error.status();
        response
    }));
    let response = call(&app, bearer("mt_made_up")).await;
    assert_eq!(
        response.headers()["www-authenticate"],
        r#"Bearer realm="api", error="invalid_token""#
    );
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(response.extensions().get::<AuthError>().is_some());
    assert_eq!(text(response).await, "own");
}

#[tokio::test]
async fn rule_16_grpc_and_empty_answers() {
    let world = World::new().await;
    let error = world.auth.verify("mt_made_up").await.unwrap_err();
    let grpc: Response = GrpcStatus.response_for(&error);
    assert_eq!(
        (grpc.status().as_u16(), &grpc.headers()["grpc-status"]),
        (200, &"16".parse().unwrap())
    );
    let empty: Response = EmptyBody.response_for(&error);
    assert_eq!(
        (empty.status().as_u16(), text(empty).await.as_str()),
        (401, "")
    );
    let app = world.app(world.layer().on_rejection(GrpcStatus));
    let response = call(&app, bearer("mt_made_up")).await;
    assert!(
        !response.headers().contains_key("www-authenticate"),
        "gRPC has its own"
    );
}

#[tokio::test]
async fn rule_14_scopes_are_asked_for_by_all_and_by_any_on_every_request() {
    let world = World::new().await;
    let token = world.api_key(&["a", "b"]);
    let handler = || async {};
    let app = axum::Router::new()
        .route(
            "/all",
            axum::routing::get(handler).route_layer(RequireScopes::all(["a", "b"])),
        )
        .route(
            "/more",
            axum::routing::get(handler).route_layer(RequireScopes::all(["a", "c"])),
        )
        .route(
            "/any",
            axum::routing::get(handler).route_layer(RequireScopes::any(["c", "a"])),
        )
        .route(
            "/none",
            axum::routing::get(handler).route_layer(RequireScopes::any(["c", "d"])),
        )
        .layer(world.layer());
    // One token, one verdict; the answer is each route's own.
    for (path, expected) in [
        ("/all", 200),
        ("/more", 403),
        ("/any", 200),
        ("/none", 403),
        ("/all", 200),
    ] {
        let mut request = bearer(&token);
        *request.uri_mut() = path.parse().unwrap();
        assert_eq!(status(&app, request).await, expected, "{path}");
    }
    assert_eq!(world.clerk.calls(Endpoint::VerifyApiKey), 1);
}

#[tokio::test]
async fn rule_14_a_scope_that_cannot_be_one_lets_nobody_in() {
    let world = World::new().await;
    let token = world.api_key(&["a b", "a"]);
    for layer in [world.layer(), world.layer().optional()] {
        let app = world.app(layer.require_scopes(["a b"]));
        assert_eq!(status(&app, bearer(&token)).await, 500);
        assert_eq!(status(&app, request(&[])).await, 500);
    }
    assert_eq!(world.entries(), 0);
    assert_eq!(world.clerk.calls(Endpoint::Any), 0, "no call is billed");
}
