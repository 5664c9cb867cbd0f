//! Rule 13: a token that Clerk answers oddly, sent as often as its sender likes.

use clerk_machine_auth::testing::{Endpoint, Fault};
use clerk_machine_auth::{AdminClient, MachineId, SecretKey, health::BreakerState};
use futures_util::future::join_all;

use crate::faults::keys::settle;
use crate::faults::world::{SECOND, World, status};

/// Fifteen seconds in which one OAuth token is sent a hundred times a second. The others are API
/// keys, so that the fault is of that token alone.
async fn fifteen_seconds_of(world: &World, fault: Fault, was_good: bool) {
    let shown = format!("{fault:?}, was good: {was_good}");
    let builder = world.builder().fresh_for(SECOND * 2);
    let service = builder.stale_if_error(SECOND * 2).build().unwrap();
    let user = world.clerk.new_user_id();
    let poison = world.clerk.oauth_token(&user).create();
    let poison = poison.token();
    if was_good {
        assert_eq!(status(&service, poison).await, 200);
    }
    let known = world.key();
    assert_eq!(status(&service, &known).await, 200);
    let before = world.clerk.calls(Endpoint::VerifyOAuthToken);
    world
        .clerk
        .fault(Endpoint::VerifyOAuthToken, fault)
        .always();
    for tick in 0..1_500 {
        status(&service, poison).await;
        if tick % 5 == 0 {
            assert_eq!(status(&service, &known).await, 200, "{shown} at {tick}");
        }
        if tick % 50 == 0 {
            let new = world.key();
            assert_eq!(status(&service, &new).await, 200, "{shown} at {tick}");
        }
        world.pass(SECOND / 100);
    }
    assert_eq!(service.health().breaker, BreakerState::Closed, "{shown}");
    let calls = world.clerk.calls(Endpoint::VerifyOAuthToken) - before;
    println!("{shown}: {calls} calls for 1 500 requests");
    // Five, then one in each second; a broken connection is tried once more.
    assert!(calls <= 2 * (5 + 15), "{calls}");
    world.clerk.clear_faults();
}

#[tokio::test]
async fn rule_13_one_token_with_odd_answers_holds_nobody_back() {
    let world = World::new().await;
    for was_good in [false, true] {
        let large = Fault::status(200).body("x".repeat(70_000));
        fifteen_seconds_of(&world, large, was_good).await;
        fifteen_seconds_of(&world, Fault::status(500), was_good).await;
        fifteen_seconds_of(&world, Fault::status(403), was_good).await;
        fifteen_seconds_of(&world, Fault::drop_connection(), was_good).await;
    }
}

/// One token alone never opens the breaker, and still costs no timeout for each request.
#[tokio::test]
async fn rule_13_a_service_with_one_caller_waits_for_a_handful_of_timeouts() {
    let world = World::new().await;
    let service = world.service();
    let known = world.key();
    assert_eq!(status(&service, &known).await, 200);
    world
        .clerk
        .fault(Endpoint::VerifyApiKey, Fault::hang())
        .always();
    world.pass(SECOND * 67);
    for _ in 0..50 {
        assert_eq!(status(&service, &known).await, 200, "past its fresh time");
    }
    assert_eq!(world.asked(), 1 + 5, "the rest did not wait");
    assert_eq!(service.health().breaker, BreakerState::Closed);
    world.pass(SECOND);
    assert_eq!(status(&service, &known).await, 200);
    assert_eq!(world.asked(), 1 + 6, "one more in each second");
    world.clerk.clear_faults();
    world.pass(SECOND);
    assert_eq!(status(&service, &known).await, 200);
    assert_eq!(status(&service, &known).await, 200);
    assert_eq!(world.asked(), 1 + 7);
}

/// An outage that has ended: whoever is known shows it, however many unknown ones come first.
#[tokio::test]
async fn rule_13_known_tokens_go_first_to_see_whether_clerk_is_back() {
    let world = World::new().await;
    let service = world.service();
    let known = world.key();
    assert_eq!(status(&service, &known).await, 200);
    world.pass(SECOND * 67);
    world
        .clerk
        .fault(Endpoint::VerifyApiKey, Fault::status(500))
        .always();
    for _ in 0..5 {
        assert_eq!(status(&service, &world.key()).await, 503);
    }
    assert_eq!(service.health().breaker, BreakerState::Open);
    world.pass(SECOND / 4);
    let asked = world.asked();
    let unknown: Vec<_> = (0..20).map(|_| world.key()).collect();
    join_all(unknown.iter().map(|key| status(&service, key))).await;
    assert_eq!(
        world.asked(),
        asked,
        "this part of the time is for known ones"
    );
    world.clerk.clear_faults();
    assert_eq!(status(&service, &known).await, 200);
    settle(&service).await;
    assert_eq!(service.health().breaker, BreakerState::Closed);
    assert_eq!(status(&service, &world.key()).await, 200);
}

/// A machine may have 150 scopes, and each machine a name of 255 characters: Clerk's limits.
#[tokio::test]
async fn rule_9_a_machine_with_all_the_scopes_that_clerk_allows_is_read() {
    let world = World::new().await;
    let service = world.service();
    for n in 0..149 {
        // Four bytes each in UTF-8, twelve where they are escaped.
        let name = format!("{n:03}{}", "\u{1f510}".repeat(252));
        let other = world.clerk.machine(name).create();
        world.clerk.grant(&world.caller, &other);
    }
    for _ in 0..6 {
        assert_eq!(status(&service, &world.jwt()).await, 200);
    }
    let answer = world.clerk.requests();
    let answer = answer.iter().rfind(|r| r.endpoint == Endpoint::GetMachine);
    let length = answer.unwrap().response.as_ref().unwrap().body.len();
    assert!(length > 150_000, "{length}");
    assert_eq!(status(&service, &world.key()).await, 200);
    let admin = AdminClient::builder()
        .api_url(world.clerk.api_url())
        .secret_key(SecretKey::new(world.clerk.secret_key()).unwrap())
        .build()
        .unwrap();
    let id = MachineId::new(world.caller.id()).unwrap();
    assert_eq!(
        admin
            .machines()
            .get(&id)
            .await
            .unwrap()
            .scoped_machines
            .len(),
        150
    );
    let renamed = admin.machines().update(&id).name("renamed").send().await;
    assert_eq!(renamed.unwrap().scoped_machines.len(), 150);
}

/// The registry's answer is larger than any that is read: nobody else is held back.
#[tokio::test]
async fn rule_13_one_machine_with_an_oversized_answer_holds_nobody_back() {
    let world = World::new().await;
    let service = world.service();
    let large = Fault::status(200).body("x".repeat(2 * 1024 * 1024));
    world.clerk.fault(Endpoint::GetMachine, large).always();
    for _ in 0..20 {
        let error = service.verify(&world.jwt()).await.unwrap_err();
        assert_eq!(
            (error.status().as_u16(), error.reason()),
            (503, "upstream_answer")
        );
    }
    assert_eq!(
        world.clerk.calls(Endpoint::GetMachine),
        5,
        "not asked again at once"
    );
    assert_eq!(service.health().breaker, BreakerState::Closed);
    assert_eq!(status(&service, &world.key()).await, 200);
}
