//! Rule 14: the scopes of a machine are those that this service grants, not those that it claims.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::routing::get;
use clerk_machine_auth::testing::Endpoint;
use clerk_machine_auth::{
    Authenticator, AuthenticatorBuilder, ClerkMachineAuth, MachineAuth, RequireScopes, Scopes,
    TokenType,
};
use serde_json::json;

use crate::layer::world::{World, bearer, call, status};

const READ: &str = "reports:read";

/// A token of each format in which the machine names its own scopes.
fn claiming(world: &World, scopes: &[&str]) -> [String; 2] {
    let opaque = world.clerk.m2m_token(&world.caller).scopes(scopes.to_vec());
    let jwt = world.clerk.m2m_jwt(&world.caller).scopes(scopes);
    [opaque.create(), jwt.create()].map(|token| token.token().to_owned())
}

/// A token of each format that claims nothing.
fn plain(world: &World) -> [String; 2] {
    [world.opaque(), world.jwt()]
}

fn builder(world: &World) -> AuthenticatorBuilder {
    world.clerk.authenticator_builder(&world.me)
}

fn requires_read(world: &World, clerk: &Authenticator) -> Router {
    world.app(ClerkMachineAuth::new(clerk.clone()).require_scopes([READ]))
}

#[tokio::test]
async fn rule_14_scopes_that_a_machine_gives_itself_open_nothing() {
    let world = World::new().await;
    let by_hand = |auth: MachineAuth| async move {
        if auth.has_scope(READ) {
            http::StatusCode::OK
        } else {
            http::StatusCode::FORBIDDEN
        }
    };
    let require = || RequireScopes::any([READ, "admin"]);
    let app = Router::new()
        .route("/layer", get(|| async {}).route_layer(require()))
        .route("/by_hand", get(by_hand))
        .layer(world.layer());
    let whole = requires_read(&world, &world.auth);
    for token in claiming(&world, &[READ, "admin"]) {
        for path in ["/layer", "/by_hand"] {
            let mut request = bearer(&token);
            *request.uri_mut() = path.parse().unwrap();
            assert_eq!(status(&app, request).await, 403, "{path}");
        }
        let response = call(&whole, bearer(&token)).await;
        assert_eq!(response.status().as_u16(), 403);
        let challenge = r#"Bearer realm="api", error="insufficient_scope", scope="reports:read""#;
        assert_eq!(response.headers()["www-authenticate"], challenge);
    }
    assert_eq!(world.entries(), 0);
}

#[tokio::test]
async fn rule_14_scopes_that_the_service_grants_count_for_both_formats() {
    let world = World::new().await;
    let other = world.clerk.machine("other").scoped_to(&world.me).create();
    let clerk = builder(&world)
        .grant_scopes(world.caller.id(), [READ])
        .grant_scopes(other.id(), ["reports:write"])
        .grant_scopes(world.caller.id(), ["audit:read"])
        .build()
        .unwrap();
    let app = requires_read(&world, &clerk);
    for token in plain(&world) {
        // Verified, and then from the cache: granted both times.
        for _ in 0..2 {
            assert_eq!(status(&app, bearer(&token)).await, 200);
        }
        let auth = clerk.verify(&token).await.unwrap();
        let granted: Vec<_> = auth.granted_scopes().iter().collect();
        assert_eq!(granted, [READ, "audit:read"]);
    }
    for token in [
        world.clerk.m2m_token(&other).scopes([READ]).create(),
        world.clerk.m2m_jwt(&other).scopes([READ]).create(),
    ] {
        assert_eq!(status(&app, bearer(token.token())).await, 403);
    }
}

#[tokio::test]
async fn rule_14_what_a_token_carries_is_shown_and_does_not_decide() {
    let world = World::new().await;
    let clerk = builder(&world).grant_scopes(world.caller.id(), [READ]);
    let clerk = clerk.build().unwrap();
    let [opaque, jwt] = claiming(&world, &["admin"]);
    let carried = [(opaque, world.me.id()), (jwt, "admin")];
    for (token, carries) in carried {
        let auth = clerk.verify(&token).await.unwrap();
        assert!(auth.scopes().contains(carries) && !auth.has_scope(carries));
        assert_eq!(auth.granted_scopes(), &Scopes::parse(READ));
        assert_eq!(json!(auth)["scopes"], json!([carries]));
        assert_eq!(auth.raw_claims().unwrap()["scopes"], json!(["admin"]));
    }
    // What Clerk vouches for needs no grant.
    let key = clerk.verify(&world.api_key(&["a"])).await.unwrap();
    assert!(key.has_scope("a") && key.granted_scopes() == key.scopes());
}

#[tokio::test]
async fn rule_14_a_function_grants_scopes_anew_on_every_request() {
    let world = World::new().await;
    let on_duty = Arc::new(AtomicBool::new(true));
    let (asked, caller) = (Arc::clone(&on_duty), world.caller.id().to_owned());
    let clerk = builder(&world).grant_scopes_with(move |token| {
        assert!(token.granted_scopes().is_empty());
        if token.machine_id() == caller && asked.load(Ordering::SeqCst) {
            Scopes::parse(READ)
        } else {
            Scopes::default()
        }
    });
    let clerk = clerk.build().unwrap();
    let app = requires_read(&world, &clerk);
    for token in plain(&world) {
        for duty in [true, false, true] {
            on_duty.store(duty, Ordering::SeqCst);
            let expected = if duty { 200 } else { 403 };
            assert_eq!(status(&app, bearer(&token)).await, expected, "{duty}");
        }
    }
    let asked = world.clerk.calls(Endpoint::VerifyM2mToken);
    assert_eq!(asked, 1, "the verdict was cached, not the decision");
}

#[tokio::test]
async fn rule_14_scope_claims_are_trusted_only_where_the_service_says_so() {
    let world = World::new().await;
    let clerk = builder(&world).trust_m2m_scope_claims().build().unwrap();
    let app = requires_read(&world, &clerk);
    for token in claiming(&world, &[READ]) {
        assert_eq!(status(&app, bearer(&token)).await, 200);
        let auth = clerk.verify(&token).await.unwrap();
        assert_eq!(auth.granted_scopes(), &Scopes::parse(READ));
    }
    for token in plain(&world)
        .into_iter()
        .chain(claiming(&world, &["other"]))
    {
        assert_eq!(status(&app, bearer(&token)).await, 403);
    }
}

#[test]
fn rule_14_a_grant_that_cannot_be_one_is_a_build_error() {
    let sound = || {
        Authenticator::builder()
            .secret_key("sk_test_4f8a")
            .machine_id("mch_a")
            .accept([TokenType::M2m])
            .grant_scopes("mch_b", [READ])
    };
    assert!(sound().build().is_ok());
    let none: [&str; 0] = [];
    for (setting, builder) in [
        ("grant_scopes", sound().grant_scopes("user_b", [READ])),
        ("grant_scopes", sound().grant_scopes("mch_b/", [READ])),
        ("grant_scopes", sound().grant_scopes("mch_c", none)),
        ("grant_scopes", sound().grant_scopes("mch_c", [READ, ""])),
        ("grant_scopes", sound().grant_scopes("mch_c", ["a b"])),
        (
            "grant_scopes_with",
            sound().grant_scopes_with(|_| Scopes::default()),
        ),
        ("trust_m2m_scope_claims", sound().trust_m2m_scope_claims()),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.setting(), setting, "{error}");
        assert!(error.to_string().len() > setting.len() + 10, "{error}");
    }
}
