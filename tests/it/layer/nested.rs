//! Rules 1, 2, 4, 14 and 15: a layer inside another one narrows what the outer one let in.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use clerk_machine_auth::testing::Endpoint;
use clerk_machine_auth::{AuthError, ClerkMachineAuth, MachineAuth, TokenType};
use http::HeaderName;
use tower::ServiceBuilder;

use crate::layer::world::{World, bearer, call, request, status, text};
use crate::support::log;

/// A service behind both layers.
fn nested(world: &World, outer: ClerkMachineAuth, inner: ClerkMachineAuth) -> Router {
    world.app(inner).layer(outer)
}

fn reason(response: &Response) -> &'static str {
    response.extensions().get::<AuthError>().unwrap().reason()
}

#[tokio::test]
async fn rule_15_an_inner_layer_takes_the_identity_of_the_outer_one() {
    let world = World::new().await;
    for inner in [world.layer(), world.layer().optional()] {
        let app = nested(&world, world.layer(), inner);
        for token in [world.jwt(), world.opaque()] {
            let response = call(&app, bearer(&token)).await;
            assert_eq!(response.status().as_u16(), 200);
            assert_eq!(text(response).await, format!("{} ", world.caller.id()));
        }
    }
    // One call for each opaque token: the inner layer asks nobody.
    assert_eq!(world.clerk.calls(Endpoint::VerifyM2mToken), 2);
}

#[tokio::test]
async fn rule_15_no_layer_inside_another_verifies_a_forwarded_token_again() {
    let world = World::new().await;
    let clerk = world.clerk.authenticator_builder(&world.me);
    // Nothing is cached, so that every verification is a call.
    let clerk = clerk.fresh_for(Duration::ZERO).build().unwrap();
    let layer = || ClerkMachineAuth::new(clerk.clone()).forward_token(true);
    let key = world.api_key(&[]);
    let app = nested(&world, layer(), layer().optional()).layer(layer());
    let response = call(&app, bearer(&key)).await;
    assert!(text(response).await.ends_with(" authorization"));
    assert_eq!(world.clerk.calls(Endpoint::VerifyApiKey), 1);
    // The innermost layer takes the token off.
    let app = nested(&world, layer(), layer().forward_token(false));
    let response = call(&app, bearer(&key)).await;
    assert!(text(response).await.ends_with(' '));
    assert_eq!(world.clerk.calls(Endpoint::VerifyApiKey), 2);
}

#[tokio::test]
async fn rule_10_what_is_revoked_between_two_layers_does_not_pass_the_inner_one() {
    for jwt in [false, true] {
        let world = World::new().await;
        let token = if jwt { world.jwt() } else { world.opaque() };
        let (clerk, subject) = (world.auth.clone(), world.caller.id().to_owned());
        let between = tower::util::MapRequestLayer::new(move |request: Request<Body>| {
            clerk.revocations().refuse_subject(&subject).unwrap();
            request
        });
        let layers = ServiceBuilder::new().layer(world.layer()).layer(between);
        let app = world.app(world.layer()).layer(layers);
        let response = call(&app, bearer(&token)).await;
        assert_eq!(
            (response.status().as_u16(), reason(&response)),
            (401, "revoked")
        );
        assert_eq!(world.entries(), 0);
    }
}

#[tokio::test]
async fn rule_4_an_inner_layer_rejects_what_it_would_reject_alone() {
    let world = World::new().await;
    let (key, jwt) = (world.api_key(&["a"]), world.jwt());
    let cases = [
        (world.layer().accept([TokenType::M2m]), &key, 401),
        (world.layer().accept([TokenType::M2m]).optional(), &key, 401),
        (world.layer().accept([TokenType::M2m]), &jwt, 200),
        (world.layer().require_scopes(["a"]), &key, 200),
        (world.layer().require_scopes(["b"]), &key, 403),
        (world.layer().require_scopes(["a"]).optional(), &jwt, 403),
    ];
    for (inner, token, expected) in cases {
        let alone = world.app(inner.clone());
        assert_eq!(status(&alone, bearer(token)).await, expected);
        for forward in [false, true] {
            let outer = world.layer().forward_token(forward);
            let app = nested(&world, outer, inner.clone());
            let response = call(&app, bearer(token)).await;
            assert_eq!(response.status().as_u16(), expected, "{inner:?}");
            // The outer layer may accept less than the inner one: both rules hold.
            let app = nested(&world, inner.clone(), world.layer());
            assert_eq!(status(&app, bearer(token)).await, expected, "{inner:?}");
        }
    }
}

#[tokio::test]
async fn rule_2_an_outer_layer_that_found_no_token_gives_the_inner_one_nothing() {
    let world = World::new().await;
    let strict = nested(&world, world.layer().optional(), world.layer());
    let response = call(&strict, request(&[])).await;
    assert_eq!(
        (response.status().as_u16(), reason(&response)),
        (401, "no_token")
    );
    assert_eq!(
        response.headers()["www-authenticate"],
        r#"Bearer realm="api""#
    );
    let open = nested(&world, world.layer().optional(), world.layer().optional());
    assert_eq!(text(call(&open, request(&[])).await).await, "nobody ");
    // A field that only the inner layer looks at.
    let name = HeaderName::from_static("x-api-key");
    let keyed = nested(
        &world,
        world.layer().optional(),
        world.layer().api_key_header(name),
    );
    let key = world.api_key(&[]);
    let response = call(&keyed, request(&[("x-api-key", &key)])).await;
    assert!(text(response).await.starts_with("user_"));
}

#[tokio::test]
async fn rule_15_a_layer_of_another_authenticator_is_a_mistake_of_the_service() {
    log::listen();
    let (world, other) = (World::new().await, World::new().await);
    let token = world.jwt();
    for forward in [false, true] {
        for inner in [other.layer(), other.layer().optional()] {
            let app = nested(&world, world.layer().forward_token(forward), inner);
            let response = call(&app, bearer(&token)).await;
            assert_eq!(response.status().as_u16(), 500);
        }
    }
    assert_eq!(world.entries(), 0);
    let logged = log::logged();
    assert!(
        logged.contains("ERROR") && logged.contains("one `Authenticator`"),
        "{logged}"
    );
}

#[tokio::test]
async fn rule_15_an_inner_layer_takes_no_identity_that_no_layer_put_there() {
    let world = World::new().await;
    let token = world.jwt();
    let verified = world.auth.verify(&token).await.unwrap();
    let mut forged = request(&[]);
    forged.extensions_mut().insert(verified.clone());
    assert_eq!(status(&world.app(world.layer()), forged).await, 401);
    // Nor one that a handler behind a layer was given and put into another request.
    let given = std::sync::Arc::new(std::sync::Mutex::new(None));
    let sink = std::sync::Arc::clone(&given);
    let handler = move |auth: MachineAuth| async move { *sink.lock().unwrap() = Some(auth) };
    let app = Router::new().fallback(handler).layer(world.layer());
    assert_eq!(status(&app, bearer(&token)).await, 200);
    let given = given.lock().unwrap().take().unwrap();
    let mut carried = request(&[]);
    carried.extensions_mut().insert(given);
    assert_eq!(status(&world.app(world.layer()), carried).await, 401);
    // Nor one that something between the layers put in the place of the outer one's.
    let key = world.auth.verify(&world.api_key(&[])).await.unwrap();
    let between = tower::util::MapRequestLayer::new(move |mut request: Request<Body>| {
        request.extensions_mut().insert(key.clone());
        request
    });
    let layers = ServiceBuilder::new().layer(world.layer()).layer(between);
    let app = world.app(world.layer()).layer(layers);
    assert_eq!(status(&app, bearer(&token)).await, 401);
}

#[tokio::test]
async fn rule_1_a_second_token_for_the_inner_layer_is_one_too_many() {
    let world = World::new().await;
    let name = HeaderName::from_static("x-api-key");
    let (jwt, key) = (world.jwt(), world.api_key(&[]));
    let authorization = format!("Bearer {jwt}");
    let both = || request(&[("authorization", &authorization), ("x-api-key", &key)]);
    for forward in [false, true] {
        let inner = world.layer().api_key_header(name.clone());
        let app = nested(&world, world.layer().forward_token(forward), inner);
        assert_eq!(status(&app, both()).await, 400, "{forward}");
    }
    assert_eq!(world.clerk.calls(Endpoint::VerifyApiKey), 0);
}
