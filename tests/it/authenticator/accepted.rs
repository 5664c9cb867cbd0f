//! Rules 3, 4 and 8: every type and form is accepted with its facts, and only where it is wanted.

use std::time::Duration;

use clerk_machine_auth::testing::Endpoint;
use clerk_machine_auth::{MachineAuth, TokenFormat, TokenType};
use serde_json::{Value, json};

use crate::authenticator::world::{World, reason};

#[tokio::test]
async fn rule_3_both_forms_of_an_m2m_token_become_its_machine() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    for (token, format) in [
        (world.jwt(&world.caller), TokenFormat::Jwt),
        (world.opaque(&world.caller), TokenFormat::Opaque),
    ] {
        let identity = auth.verify(&token).await.unwrap();
        assert_eq!(identity.machine_id(), Some(world.caller.id()));
        assert_eq!((identity.format(), identity.user_id()), (format, None));
        assert!(matches!(identity, MachineAuth::M2m(_)));
    }
}

#[tokio::test]
async fn rule_3_an_api_key_becomes_its_user_or_organization() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    let (user, org) = (world.clerk.new_user_id(), world.clerk.new_org_id());
    for subject in [&user, &org] {
        let key = world.clerk.api_key(subject);
        let key = key
            .name("nightly")
            .scopes(["a", "b"])
            .claims(json!({"plan": "pro"}))
            .create();
        let identity = auth.verify(key.token()).await.unwrap();
        assert_eq!(
            (identity.subject(), identity.id()),
            (subject.as_str(), key.id())
        );
        assert!(identity.has_scope("a") && identity.has_scope("b") && !identity.has_scope("c"));
        assert_eq!(identity.claims::<Value>().unwrap()["plan"], "pro");
        assert_eq!(identity.user_id().is_some(), *subject == user);
        assert_eq!(identity.org_id().is_some(), *subject == org);
    }
}

#[tokio::test]
async fn rule_3_both_forms_of_an_oauth_token_become_their_user() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    let user = world.clerk.new_user_id();
    let jwt = world
        .clerk
        .oauth_jwt(&user)
        .scopes(["profile"])
        .client_id("app")
        .create();
    let opaque = world
        .clerk
        .oauth_token(&user)
        .scopes(["profile"])
        .client_id("app")
        .create();
    for token in [jwt, opaque] {
        let identity = auth.verify(token.token()).await.unwrap();
        assert_eq!(identity.user_id(), Some(user.as_str()));
        assert_eq!(identity.client_id(), Some("app"));
        assert!(identity.has_scope("profile") && identity.machine_id().is_none());
    }
}

#[tokio::test]
async fn rule_4_an_unwanted_type_costs_no_call() {
    let world = World::new().await;
    let user = world.clerk.new_user_id();
    let tokens = [
        (TokenType::M2m, world.jwt(&world.caller)),
        (TokenType::M2m, world.opaque(&world.caller)),
        (
            TokenType::ApiKey,
            world.clerk.api_key(&user).create().token().to_owned(),
        ),
        (
            TokenType::OAuth,
            world.clerk.oauth_jwt(&user).create().token().to_owned(),
        ),
        (
            TokenType::OAuth,
            world.clerk.oauth_token(&user).create().token().to_owned(),
        ),
    ];
    for wanted in [TokenType::M2m, TokenType::ApiKey, TokenType::OAuth] {
        let auth = world.builder().accept([wanted]).build().unwrap();
        for (kind, token) in &tokens {
            let before = world.calls(Endpoint::Any);
            let expected = if *kind == wanted {
                "ok"
            } else {
                "type_not_accepted"
            };
            assert_eq!(
                reason(&auth, token).await,
                expected,
                "{kind} where {wanted} is wanted"
            );
            let asked = world.calls(Endpoint::Any) - before;
            assert!(*kind == wanted || asked == 0, "{kind} cost {asked} calls");
        }
    }
}

#[tokio::test]
async fn rule_10_a_known_token_is_not_asked_about_again() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    let (jwt, opaque) = (world.jwt(&world.caller), world.opaque(&world.caller));
    for _ in 0..5 {
        assert!(auth.verify(&jwt).await.is_ok() && auth.verify(&opaque).await.is_ok());
    }
    let calls = [
        Endpoint::GetJwks,
        Endpoint::GetMachine,
        Endpoint::VerifyM2mToken,
    ];
    assert_eq!(calls.map(|endpoint| world.calls(endpoint)), [1, 1, 1]);
    assert_eq!(world.calls(Endpoint::Any), 3);
}

#[tokio::test]
async fn rule_10_expiry_is_looked_at_for_every_request() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    let minute = Duration::from_secs(60);
    let jwt = world
        .clerk
        .m2m_jwt(&world.caller)
        .lifetime(minute / 2)
        .create();
    let opaque = world
        .clerk
        .m2m_token(&world.caller)
        .lifetime(minute / 2)
        .create();
    for token in [jwt.token(), opaque.token()] {
        assert_eq!(reason(&auth, token).await, "ok");
    }
    let before = world.calls(Endpoint::Any);
    world.clerk.clock().jump_wall_forward(minute);
    for token in [jwt.token(), opaque.token()] {
        assert_eq!(reason(&auth, token).await, "expired");
    }
    assert_eq!(world.calls(Endpoint::Any), before, "both were remembered");
}

#[tokio::test]
async fn health_counts_what_is_remembered() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    let good = [
        world.jwt(&world.caller),
        world.opaque(&world.caller),
        world.opaque(&world.caller),
    ];
    let counted = || {
        let health = auth.health();
        (health.cached_valid, health.cached_rejected)
    };
    assert_eq!(counted(), (0, 0));
    for token in &good {
        assert_eq!(reason(&auth, token).await, "ok");
    }
    assert_eq!(reason(&auth, "ak_made_up").await, "unknown_token");
    assert_eq!(counted(), (3, 1));
}

#[tokio::test]
async fn rule_6_a_jwt_that_lives_too_long_is_a_bad_token_and_an_opaque_one_is_not() {
    let world = World::new().await;
    let auth = world
        .builder()
        .max_jwt_lifetime(Duration::from_secs(3_600))
        .build()
        .unwrap();
    let lives = |seconds| {
        let jwt = world.clerk.m2m_jwt(&world.caller);
        jwt.lifetime(Duration::from_secs(seconds)).create()
    };
    assert_eq!(reason(&auth, lives(3_600).token()).await, "ok");
    assert_eq!(
        reason(&auth, lives(3_601).token()).await,
        "lifetime_too_long"
    );
    let undated = world.clerk.m2m_jwt(&world.caller).without_claim("iat");
    assert_eq!(
        reason(&auth, undated.create().token()).await,
        "lifetime_too_long"
    );
    let opaque = world.clerk.m2m_token(&world.caller);
    let opaque = opaque.lifetime(Duration::from_secs(86_400)).create();
    assert_eq!(reason(&auth, opaque.token()).await, "ok");
}
