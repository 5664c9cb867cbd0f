//! One verification for all.

use clerk_machine_auth::testing::{Endpoint, Fault};
use clerk_machine_auth::{AuthErrorKind, Fleet};
use futures_util::future::join_all;

use super::world::{KEY, MILLI, SECOND, World, fleet, together};

#[tokio::test]
async fn rule_21_a_token_is_verified_once_for_all_replicas() {
    let world = World::new().await;
    let key = world.clerk.api_key("user_1").create();
    world
        .clerk
        .fault(Endpoint::VerifyApiKey, Fault::delay(MILLI * 300))
        .always();
    let replicas = world.replicas::<8>().await;
    let answers = join_all(replicas.iter().map(|it| it.verify(key.token()))).await;
    for answer in answers {
        assert_eq!(answer.unwrap().user_id(), Some("user_1"));
    }
    assert_eq!(world.calls(), 1);
    let led: u64 = replicas.iter().map(|it| fleet(it).answers_led).sum();
    let shared: u64 = replicas.iter().map(|it| fleet(it).answers_shared).sum();
    assert_eq!((led, shared), (1, 7));
}

#[tokio::test]
async fn rule_21_a_no_is_shared_too_and_a_replica_that_starts_knows_what_the_others_do() {
    let world = World::new().await;
    let (key, machine) = (
        world.clerk.api_key("user_1").create(),
        world.clerk.m2m_token(&world.caller).create(),
    );
    let [one] = world.replicas().await;
    assert!(one.verify(key.token()).await.is_ok());
    assert!(one.verify(machine.token()).await.is_ok());
    assert!(one.verify("ak_made_up").await.is_err());
    assert_eq!(world.calls(), 2);
    let late = world.builder().build().unwrap();
    together(&late).await;
    assert!(late.verify(key.token()).await.is_ok());
    let auth = late.verify(machine.token()).await.unwrap();
    assert_eq!(auth.machine_id(), Some(world.caller.id()));
    let error = late.verify("ak_made_up").await.unwrap_err();
    assert_eq!(error.kind(), AuthErrorKind::InvalidToken);
    assert_eq!(world.calls(), 2);
    assert_eq!(world.clerk.calls(Endpoint::VerifyM2mToken), 1);
}

/// Time counts from when Clerk was asked: no window gets longer by passing an answer on.
#[tokio::test]
async fn rule_21_an_answer_ends_everywhere_when_it_ends_where_it_was_asked_for() {
    let world = World::new().await;
    let key = world.clerk.api_key("user_1").create();
    let clock = world.clerk.clock().clone();
    clock.freeze();
    let [one, two] = world.replicas().await;
    assert!(one.verify(key.token()).await.is_ok());
    // Half-way, the second replica learns of it; the third at three quarters from the second.
    clock.advance(SECOND * 30);
    together(&two).await;
    assert!(two.verify(key.token()).await.is_ok());
    assert_eq!(world.calls(), 1);
    world.clerk.revoke(key.id());
    world.clerk.stop_listening().await;
    clock.advance(SECOND * 37);
    together(&two).await;
    // Past its fresh time it counts only because nobody answers, and then not for long.
    assert!(two.verify(key.token()).await.is_ok());
    clock.advance(SECOND * 60);
    let error = two.verify(key.token()).await.unwrap_err();
    assert_eq!(error.kind(), AuthErrorKind::Unavailable);
}

/// What may be done with an answer is each replica's own decision.
#[tokio::test]
async fn rule_21_a_stricter_replica_applies_its_own_rules_to_a_shared_answer() {
    let world = World::new().await;
    let elsewhere = world.clerk.machine("elsewhere").create();
    let token = world.clerk.m2m_token(&world.caller).create();
    let key = world.clerk.api_key("org_1").create();
    let [one] = world.replicas().await;
    assert!(one.verify(token.token()).await.is_ok());
    assert!(one.verify(key.token()).await.is_ok());
    let other = world.clerk.authenticator_builder(&elsewhere);
    let other = other.fleet(Fleet::memory(&world.memory).key(KEY));
    let other = other.api_key_subjects(["user_"]).build().unwrap();
    together(&other).await;
    for token in [token.token(), key.token()] {
        let error = other.verify(token).await.unwrap_err();
        assert_eq!(error.kind(), AuthErrorKind::InvalidToken);
    }
    assert_eq!(world.calls(), 1);
    let asked = world.clerk.calls(Endpoint::VerifyM2mToken);
    assert_eq!(asked, 2, "each machine by its own secret");
}

#[tokio::test]
async fn rule_21_whoever_waits_for_a_replica_that_dies_takes_over() {
    let world = World::new().await;
    let key = world.clerk.api_key("user_1").create();
    let [one, two] = world.replicas().await;
    let token = key.token().to_owned();
    world
        .clerk
        .fault(Endpoint::VerifyApiKey, Fault::delay(SECOND * 30))
        .once();
    let leader = tokio::spawn({
        let token = token.clone();
        async move { one.verify(&token).await }
    });
    super::world::until(|| world.calls() == 1).await;
    // Its runtime is gone with it: nothing renews the lease.
    leader.abort();
    let began = std::time::Instant::now();
    assert!(two.verify(&token).await.is_ok());
    assert_eq!(world.calls(), 2);
    assert!(
        began.elapsed() < SECOND * 30,
        "within the time of a request"
    );
}

#[tokio::test]
async fn rule_20_another_key_another_api_url_or_another_machine_is_another_name() {
    let world = World::new().await;
    let key = world.clerk.api_key("user_1").create();
    let [one] = world.replicas().await;
    assert!(one.verify(key.token()).await.is_ok());
    let stranger = Fleet::memory(&world.memory).key("another key of at least 32 characters");
    let stranger = world.builder().fleet(stranger).build().unwrap();
    together(&stranger).await;
    assert!(stranger.verify(key.token()).await.is_ok());
    assert_eq!(world.calls(), 2, "it reads nothing of the first fleet");
    // By the machine's own secret Clerk answers as that machine sees it.
    let token = world.clerk.m2m_token(&world.caller).create();
    assert!(one.verify(token.token()).await.is_ok());
    let elsewhere = world.clerk.machine("elsewhere").create();
    let own = world.builder().machine_id(elsewhere.id());
    let own = own
        .machine_secret_key(elsewhere.secret_key())
        .build()
        .unwrap();
    together(&own).await;
    assert!(own.verify(token.token()).await.is_err());
    assert!(one.verify(token.token()).await.is_ok());
    assert_eq!(world.clerk.calls(Endpoint::VerifyM2mToken), 2);
}
