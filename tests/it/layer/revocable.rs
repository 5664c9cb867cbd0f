//! Rule 4: a route that takes revocable tokens only rejects every JWT before any work.

use clerk_machine_auth::TokenType;
use clerk_machine_auth::testing::Endpoint;

use crate::layer::world::{World, bearer, call, status, text};

#[tokio::test]
async fn rule_4_a_route_for_revocable_tokens_rejects_jwts_before_any_work() {
    let world = World::new().await;
    let app = world.app(world.layer().revocable_only());
    let user = world.clerk.new_user_id();
    let oauth = world.clerk.oauth_jwt(&user).create();
    let mut answers = Vec::new();
    for token in [&world.jwt(), oauth.token(), "eyJh.eyJz.c2ln"] {
        let response = call(&app, bearer(token)).await;
        answers.push((response.status().as_u16(), text(response).await));
    }
    let made_up = call(&app, bearer("mt_made_up_0123")).await;
    let expected = (made_up.status().as_u16(), text(made_up).await);
    assert_eq!(expected.0, 401);
    assert!(
        answers.iter().all(|answer| *answer == expected),
        "{answers:?}"
    );
    assert_eq!(world.entries(), 0);
    // No keys were fetched, and the registry was not asked.
    assert_eq!(world.clerk.calls(Endpoint::GetJwks), 0);
    assert_eq!(world.clerk.calls(Endpoint::Any), 1);
    let opaque = world.clerk.oauth_token(&user).create();
    for token in [&world.opaque(), &world.api_key(&[]), opaque.token()] {
        assert_eq!(status(&app, bearer(token)).await, 200);
    }
}

#[tokio::test]
async fn rule_4_a_cached_jwt_is_no_more_revocable_and_types_still_count() {
    let world = World::new().await;
    let jwt = world.jwt();
    assert_eq!(status(&world.app(world.layer()), bearer(&jwt)).await, 200);
    for layer in [
        world.layer().revocable_only().accept([TokenType::M2m]),
        world.layer().accept([TokenType::M2m]).revocable_only(),
        world.layer().revocable_only().optional(),
    ] {
        let app = world.app(layer);
        assert_eq!(status(&app, bearer(&jwt)).await, 401);
        assert_eq!(status(&app, bearer(&world.opaque())).await, 200);
    }
    let machines = world.layer().revocable_only().accept([TokenType::M2m]);
    let key = world.api_key(&[]);
    assert_eq!(status(&world.app(machines), bearer(&key)).await, 401);
    // Inside a layer that takes JWTs, too.
    let nested = world
        .app(world.layer().revocable_only())
        .layer(world.layer());
    assert_eq!(status(&nested, bearer(&jwt)).await, 401);
    assert_eq!(status(&nested, bearer(&world.opaque())).await, 200);
}
