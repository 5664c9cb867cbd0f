//! Rule 10: what is invalidated or revoked is not accepted from memory.

use std::time::Duration;

use clerk_machine_auth::testing::Endpoint;
use clerk_machine_auth::{ApiKeyId, M2mTokenId, MachineId};

use crate::authenticator::world::{World, reason};

#[tokio::test]
async fn rule_10_each_way_to_invalidate_asks_clerk_again() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    let token = world.clerk.m2m_token(&world.caller).create();
    let ways: [&dyn Fn(); 4] = [
        &|| auth.invalidate_token(token.token()),
        &|| auth.invalidate_id(token.id()),
        &|| auth.invalidate_subject(world.caller.id()),
        &|| auth.invalidate_all(),
    ];
    assert_eq!(reason(&auth, token.token()).await, "ok");
    for (n, invalidate) in (2..).zip(ways) {
        invalidate();
        assert_eq!(reason(&auth, token.token()).await, "ok");
        assert_eq!(world.calls(Endpoint::VerifyM2mToken), n);
    }
    auth.invalidate_id("mt_other");
    assert_eq!(reason(&auth, token.token()).await, "ok");
    assert_eq!(
        world.calls(Endpoint::VerifyM2mToken),
        5,
        "another token's id touches nothing"
    );
}

#[tokio::test]
async fn rule_10_revoking_through_the_admin_client_shows_at_once() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    let admin = auth.admin().unwrap();
    let token = world.clerk.m2m_token(&world.caller).create();
    assert_eq!(reason(&auth, token.token()).await, "ok");
    admin
        .m2m_tokens()
        .revoke(&M2mTokenId::new(token.id()).unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(reason(&auth, token.token()).await, "unknown_token");

    let key = world.clerk.api_key(world.clerk.new_user_id()).create();
    assert_eq!(reason(&auth, key.token()).await, "ok");
    admin
        .api_keys()
        .revoke(&ApiKeyId::new(key.id()).unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(reason(&auth, key.token()).await, "unknown_token");
}

#[tokio::test]
async fn rule_10_scopes_changed_through_the_admin_client_show_at_once() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    let admin = auth.admin().unwrap();
    let id = |machine: &clerk_machine_auth::testing::EmulatedMachine| {
        MachineId::new(machine.id()).unwrap()
    };
    let (me, stranger) = (id(&world.me), id(&world.stranger));
    let token = world.jwt(&world.stranger);
    assert_eq!(reason(&auth, &token).await, "wrong_receiver");
    admin.machines().create_scope(&stranger, &me).await.unwrap();
    assert_eq!(reason(&auth, &token).await, "ok");
    admin.machines().delete_scope(&stranger, &me).await.unwrap();
    assert_eq!(reason(&auth, &token).await, "wrong_receiver");
}

#[tokio::test]
async fn rule_10_the_local_list_refuses_what_is_remembered() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    let jwt = world.clerk.m2m_jwt(&world.caller).create();
    let opaque = world.clerk.m2m_token(&world.caller).create();
    for token in [&jwt, &opaque] {
        assert_eq!(reason(&auth, token.token()).await, "ok");
        auth.revocations().refuse_token(token.id()).unwrap();
        assert_eq!(reason(&auth, token.token()).await, "revoked");
        auth.revocations().remove(token.id());
        assert_eq!(reason(&auth, token.token()).await, "ok");
    }
    let later = std::time::SystemTime::now() + Duration::from_secs(5);
    auth.revocations()
        .refuse_issued_before(world.caller.id(), later)
        .unwrap();
    assert_eq!(reason(&auth, jwt.token()).await, "revoked");
    assert_eq!(reason(&auth, opaque.token()).await, "revoked");
}

#[tokio::test]
async fn rule_10_a_revocation_at_clerk_is_seen_within_the_budget() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    let token = world.clerk.m2m_token(&world.caller).create();
    assert_eq!(reason(&auth, token.token()).await, "ok");
    world.clerk.revoke(token.id());
    world.clerk.clock().advance(Duration::from_secs(66));
    assert_eq!(reason(&auth, token.token()).await, "unknown_token");
}

#[tokio::test]
async fn rule_10_thousands_of_invalidations_touch_no_other_token() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    let token = world.clerk.m2m_token(&world.caller).create();
    let other = world.clerk.m2m_token(&world.caller).create();
    assert_eq!(reason(&auth, token.token()).await, "ok");
    assert_eq!(reason(&auth, other.token()).await, "ok");
    auth.invalidate_id(other.id());
    world.clerk.revoke(other.id());
    for n in 0..5_000 {
        auth.invalidate_id(&format!("mt_{n}"));
    }
    assert_eq!(reason(&auth, token.token()).await, "ok");
    assert_eq!(world.calls(Endpoint::VerifyM2mToken), 2);
    assert_eq!(reason(&auth, other.token()).await, "unknown_token");
}

/// More than can be told apart: what was cached before is asked about again before it is used, as
/// a known token, and is not used where Clerk cannot be asked.
#[tokio::test]
async fn rule_10_past_their_bound_invalidations_make_known_tokens_due_and_let_nothing_in() {
    let world = World::new().await;
    let builder = world.builder().unknown_calls_per_second(1).call_burst(2);
    let auth = builder.build().unwrap();
    let token = world.clerk.m2m_token(&world.caller).create();
    let revoked = world.clerk.m2m_token(&world.caller).create();
    assert_eq!(reason(&auth, token.token()).await, "ok");
    assert_eq!(reason(&auth, revoked.token()).await, "ok");
    auth.invalidate_id(revoked.id());
    for n in 0..1_000_000 {
        auth.invalidate_id(&format!("mt_{n}"));
    }
    // No call is left for unknown tokens.
    while reason(&auth, &world.opaque(&world.caller)).await != "overload" {}
    world.clerk.stop_listening().await;
    assert_eq!(reason(&auth, token.token()).await, "upstream");
    assert_eq!(reason(&auth, revoked.token()).await, "upstream");
    world.clerk.resume_listening().await.unwrap();
    world.clerk.revoke(revoked.id());
    assert_eq!(reason(&auth, token.token()).await, "ok");
    assert_eq!(reason(&auth, revoked.token()).await, "unknown_token");
    let calls = world.calls(Endpoint::VerifyM2mToken);
    assert_eq!(reason(&auth, token.token()).await, "ok");
    assert_eq!(world.calls(Endpoint::VerifyM2mToken), calls, "known again");
}
