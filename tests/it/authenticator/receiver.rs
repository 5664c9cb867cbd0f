//! Rule 9: a genuine M2M token is let in only where its sender may reach this machine.

use std::time::Duration;

use clerk_machine_auth::testing::Endpoint;
use clerk_machine_auth::{Authenticator, TokenType};
use serde_json::json;

use crate::authenticator::world::{World, reason};

#[tokio::test]
async fn rule_9_the_registry_decides_on_jwts_by_default() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    assert_eq!(reason(&auth, &world.jwt(&world.caller)).await, "ok");
    let claiming = world.clerk.m2m_jwt(&world.stranger);
    let claiming = claiming.claims(json!({"scopes": world.me.id(), "aud": [world.me.id()]}));
    assert_eq!(
        reason(&auth, claiming.create().token()).await,
        "wrong_receiver"
    );
    assert_eq!(world.calls(Endpoint::GetMachine), 2);
    // Both answers are remembered, for every token of the sender.
    assert_eq!(reason(&auth, &world.jwt(&world.caller)).await, "ok");
    assert_eq!(
        reason(&auth, &world.jwt(&world.stranger)).await,
        "wrong_receiver"
    );
    assert_eq!(world.calls(Endpoint::GetMachine), 2);
}

#[tokio::test]
async fn rule_9_a_machine_that_does_not_exist_reaches_nobody() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    for sender in ["mch_2xhFjEI5X2qWRvtV13BzSj8H6Dk", "mch_../me", "mch_"] {
        let token = world
            .clerk
            .m2m_jwt(&world.caller)
            .claim("sub", json!(sender))
            .create();
        assert_eq!(
            reason(&auth, token.token()).await,
            "wrong_receiver",
            "{sender}"
        );
    }
    assert_eq!(
        world.calls(Endpoint::GetMachine),
        1,
        "only a possible identifier is asked for"
    );
}

#[tokio::test]
async fn rule_9_a_removed_scope_ends_a_machines_jwts() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    let token = world.jwt(&world.caller);
    assert_eq!(reason(&auth, &token).await, "ok");
    world.clerk.revoke_grant(&world.caller, &world.me);
    assert_eq!(reason(&auth, &token).await, "ok", "within the fresh time");
    world.clerk.clock().advance(Duration::from_secs(67));
    assert_eq!(reason(&auth, &token).await, "wrong_receiver");
}

#[tokio::test]
async fn rule_9_opaque_tokens_hold_this_machine_in_their_scopes() {
    let world = World::new().await;
    let (caller, stranger) = (world.opaque(&world.caller), world.opaque(&world.stranger));
    // With either secret: under the instance secret Clerk itself checks nothing.
    let instance_only = world
        .bare()
        .secret_key(world.clerk.secret_key())
        .machine_id(world.me.id());
    let auth = instance_only.build().unwrap();
    assert_eq!(reason(&auth, &caller).await, "ok");
    assert_eq!(reason(&auth, &stranger).await, "wrong_receiver");
    let machine_only = world.bare().machine_secret_key(world.me.secret_key());
    let auth = machine_only.build().unwrap();
    assert_eq!(reason(&auth, &caller).await, "ok");
    assert_eq!(reason(&auth, &stranger).await, "unknown_token");
}

#[tokio::test]
async fn rule_9_a_list_of_senders_binds_both_forms_and_asks_nobody() {
    let world = World::new().await;
    let auth = world
        .builder()
        .allow_senders([world.caller.id()])
        .build()
        .unwrap();
    for (sender, expected) in [(&world.caller, "ok"), (&world.stranger, "wrong_receiver")] {
        assert_eq!(reason(&auth, &world.jwt(sender)).await, expected);
    }
    assert_eq!(world.calls(Endpoint::GetMachine), 0);
    let elsewhere = world
        .builder()
        .allow_senders([world.stranger.id()])
        .build()
        .unwrap();
    assert_eq!(
        reason(&elsewhere, &world.opaque(&world.caller)).await,
        "wrong_receiver"
    );
}

#[tokio::test]
async fn rule_9_scope_claims_are_trusted_only_on_request() {
    let world = World::new().await;
    let auth = world.builder().trust_scope_claims().build().unwrap();
    for (name, value, expected) in [
        ("scopes", json!(world.me.id()), "ok"),
        ("scopes", json!([world.me.id()]), "ok"),
        ("aud", json!([world.me.id()]), "ok"),
        ("scopes", json!(world.caller.id()), "wrong_receiver"),
        (
            "scopes",
            json!(format!("{}x", world.me.id())),
            "wrong_receiver",
        ),
        ("other", json!(world.me.id()), "wrong_receiver"),
    ] {
        let token = world
            .clerk
            .m2m_jwt(&world.stranger)
            .claim(name, value.clone())
            .create();
        assert_eq!(
            reason(&auth, token.token()).await,
            expected,
            "{name}: {value}"
        );
    }
}

#[tokio::test]
async fn rule_9_any_sender_is_what_it_says_and_opaque_tokens_stay_bound() {
    let world = World::new().await;
    let auth = world.builder().any_sender().build().unwrap();
    assert_eq!(reason(&auth, &world.jwt(&world.stranger)).await, "ok");
    assert_ne!(reason(&auth, &world.opaque(&world.stranger)).await, "ok");
    assert_eq!(world.calls(Endpoint::GetMachine), 0);
}

#[test]
fn rule_9_m2m_tokens_that_nothing_binds_are_a_build_error() {
    let pem = |builder: clerk_machine_auth::AuthenticatorBuilder| {
        builder.publishable_key("pk_test_Y2xlYW4tbWF5Zmx5LTYyLmNsZXJrLmFjY291bnRzLmRldiQ=")
    };
    let keys_only = pem(Authenticator::builder()).build().unwrap_err();
    assert!(keys_only.setting().starts_with("secret_key"), "{keys_only}");
    let no_id = Authenticator::builder()
        .secret_key("sk_test_a")
        .build()
        .unwrap_err();
    assert!(no_id.setting().starts_with("machine_id"), "{no_id}");
    let machine_and_keys = pem(Authenticator::builder().machine_secret_key("ak_a"));
    assert!(machine_and_keys.build().is_err());
    let scope_claims = pem(Authenticator::builder()).trust_scope_claims().build();
    assert!(
        scope_claims
            .unwrap_err()
            .setting()
            .starts_with("machine_id")
    );
    let chosen = [
        pem(Authenticator::builder()).any_sender(),
        pem(Authenticator::builder()).allow_senders(["mch_a"]),
        pem(Authenticator::builder())
            .trust_scope_claims()
            .machine_id("mch_a"),
        pem(Authenticator::builder()).accept([TokenType::OAuth]),
        Authenticator::builder().machine_secret_key("ak_a"),
        Authenticator::builder()
            .secret_key("sk_test_a")
            .machine_id("mch_a"),
        Authenticator::builder()
            .secret_key("sk_test_a")
            .accept([TokenType::ApiKey]),
    ];
    for builder in chosen {
        assert!(builder.clone().build().is_ok(), "{builder:?}");
    }
}
