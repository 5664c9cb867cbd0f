//! Tokens of another kind on the routes of machines: left for the layer that knows them.

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use clerk_machine_auth::middleware::OtherToken;
use clerk_machine_auth::testing::{Endpoint, Fault};
use clerk_machine_auth::{ClerkMachineAuth, MachineAuth, RequireScopes, TokenType};
use http::header;
use serde_json::json;

use super::world::{World, bearer, call, request, status, text};

/// Tells who calls, whether the token was left, and what of it.
async fn seen(request: Request) -> String {
    let extensions = request.extensions();
    let auth = extensions.get::<MachineAuth>();
    let subject = auth.map_or("nobody", |auth| auth.subject()).to_owned();
    let is_left = extensions.get::<OtherToken>().is_some();
    let token = request.headers().contains_key(header::AUTHORIZATION);
    format!("{subject} left={is_left} token={token}")
}

fn app(layer: ClerkMachineAuth) -> Router {
    Router::new().fallback(seen).layer(layer)
}

fn session(world: &World) -> String {
    let header = json!({"alg": "RS256", "typ": "JWT", "cat": "cl_B7d4PD111AAA",
        "kid": world.clerk.instance_id()});
    let claims = json!({"sub": "user_2ab", "sid": "sess_2ab", "iss": world.clerk.issuer(),
        "iat": 1_700_000_000, "exp": 4_000_000_000_u64});
    world.clerk.sign_jwt(&header, &claims)
}

#[tokio::test]
async fn rule_2_another_token_is_rejected_unless_it_is_to_be_passed() {
    let world = World::new().await;
    let (plain, passing) = (app(world.layer()), app(world.layer().pass_other_tokens()));
    for token in [&*session(&world), "somebodys_own_token", "x"] {
        assert_eq!(status(&plain, bearer(token)).await, 401, "{token}");
        let response = call(&passing, bearer(token)).await;
        assert_eq!(response.status(), 200, "{token}");
        assert_eq!(text(response).await, "nobody left=true token=true");
    }
    assert_eq!(world.clerk.requests().len(), 0);
}

#[tokio::test]
async fn rule_2_a_machine_token_is_verified_and_taken_off_all_the_same() {
    let world = World::new().await;
    let app = app(world.layer().pass_other_tokens());
    for token in [world.jwt(), world.opaque(), world.api_key(&[])] {
        let seen = text(call(&app, bearer(&token)).await).await;
        assert!(seen.ends_with("left=false token=false"), "{seen}");
        assert!(!seen.starts_with("nobody"), "{seen}");
    }
}

#[tokio::test]
async fn rule_2_an_invalid_machine_token_is_never_passed() {
    let world = World::new().await;
    let passing = world.layer().pass_other_tokens();
    let stranger = world.clerk.machine("stranger").create();
    let expired = world
        .clerk
        .m2m_jwt(&world.caller)
        .lifetime(std::time::Duration::from_secs(1));
    let expired = expired.create().token().to_owned();
    let oauth = world.clerk.oauth_jwt(world.clerk.new_user_id()).create();
    world
        .clerk
        .clock()
        .advance(std::time::Duration::from_secs(60));
    let jwt = world.jwt();
    let (head, signature) = jwt.rsplit_once('.').unwrap();
    let cut = format!("{head}.{}", &signature[..signature.len() - 4]);
    let both = json!({"alg": "RS256", "typ": "at+jwt"});
    let both = world
        .clerk
        .sign_jwt(&both, &json!({"sub": "mch_a", "exp": 4_000_000_000_u64}));
    for (name, token) in [
        ("made up", "mt_0123456789abcdef0123456789abcdef"),
        (
            "of another receiver",
            world.clerk.m2m_jwt(&stranger).create().token(),
        ),
        ("expired", &expired),
        ("wrong signature", &cut),
        ("two marks", &both),
        ("misspelled", "MT_0123456789abcdef0123456789abcdef"),
        ("our own secret", world.clerk.secret_key()),
        ("our own machine secret", world.me.secret_key()),
        ("an unreadable JWT", "a.b.c"),
    ] {
        assert_eq!(
            status(&app(passing.clone()), bearer(token)).await,
            401,
            "{name}"
        );
    }
    let keys = passing.clone().accept([TokenType::ApiKey]);
    for token in [world.jwt(), world.opaque(), oauth.token().to_owned()] {
        assert_eq!(status(&app(keys.clone()), bearer(&token)).await, 401);
    }
    world
        .clerk
        .fault(Endpoint::VerifyM2mToken, Fault::status(500))
        .always();
    assert_eq!(
        status(&app(passing.clone()), bearer(&world.opaque())).await,
        503
    );
    for malformed in ["a b", "a,b", "a\"b"] {
        assert_eq!(
            status(&app(passing.clone()), bearer(malformed)).await,
            400,
            "{malformed}"
        );
    }
    let twice = request(&[("authorization", "Bearer x"), ("authorization", "Bearer y")]);
    assert_eq!(status(&app(passing.clone()), twice).await, 400);
    let key = http::HeaderName::from_static("x-api-key");
    let keyed = app(passing.api_key_header(key));
    assert_eq!(
        status(&keyed, request(&[("x-api-key", "somebodys_own")])).await,
        401
    );
}

#[tokio::test]
async fn rule_2_no_token_is_rejected_beside_other_tokens_unless_it_is_optional() {
    let world = World::new().await;
    let passing = world.layer().pass_other_tokens();
    assert_eq!(status(&app(passing.clone()), request(&[])).await, 401);
    let response = call(&app(passing.optional()), request(&[])).await;
    assert_eq!(text(response).await, "nobody left=false token=false");
}

#[tokio::test]
async fn rule_2_whoever_asks_for_a_machine_inside_gets_none_for_another_token() {
    let world = World::new().await;
    let passing = || world.layer().pass_other_tokens();
    let extracting = Router::new().route(
        "/",
        get(async |auth: MachineAuth| auth.subject().to_owned()),
    );
    let scoped = Router::new()
        .fallback(seen)
        .layer(RequireScopes::all(["a"]));
    let nested = Router::new().fallback(seen).layer(world.layer());
    for inner in [extracting, scoped, nested] {
        let app = inner.layer(passing());
        assert_eq!(status(&app, bearer(&session(&world))).await, 401);
    }
    let twice = app(passing()).layer(passing());
    assert_eq!(status(&twice, bearer(&session(&world))).await, 200);
}
