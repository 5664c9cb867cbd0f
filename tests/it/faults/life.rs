//! The life of a service: warmed up, looked at, shut down; and the clocks it lives by.

use std::time::Duration;

use clerk_machine_auth::testing::{Endpoint, Fault};
use serde_json::json;
use tokio::runtime::Handle;

use crate::faults::world::{SECOND, World, status};

#[tokio::test]
async fn warm_up_fetches_what_the_first_requests_would_wait_for() {
    let world = World::new().await;
    let secret = world.managed_secret();
    let service = world.builder().machine_secret(secret).build().unwrap();
    assert_eq!(world.clerk.calls(Endpoint::Any), 0, "nothing at start-up");
    assert!(!service.health().keys_ready);
    service.warm_up().await.unwrap();
    service.warm_up().await.unwrap();
    assert!(service.health().keys_ready);
    assert_eq!(
        world.clerk.calls(Endpoint::Any),
        2,
        "the keys and the secret"
    );
    let token = world.clerk.m2m_token(&world.caller).create();
    assert_eq!(status(&service, token.token()).await, 200);
    assert_eq!(status(&service, &world.jwt()).await, 200);
    assert_eq!(
        (
            world.fetched(),
            world.clerk.calls(Endpoint::GetMachineSecret)
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn health_is_fit_for_a_readiness_route() {
    let world = World::new().await;
    let service = world.service();
    assert_eq!(status(&service, &world.jwt()).await, 200);
    assert_eq!(status(&service, &world.key()).await, 200);
    world.pass(SECOND * 7);
    let health = serde_json::to_value(service.health()).unwrap();
    for (name, expected) in [
        ("keysAgeSeconds", json!(7)),
        ("keysReady", json!(true)),
        ("breaker", json!("closed")),
        ("problem", json!(null)),
        ("lastError", json!(null)),
        ("inFlight", json!(0)),
        ("throttledRefreshes", json!(0)),
        ("callsLeftUnknown", json!(150)),
        ("callsLeftKnown", json!(170)),
    ] {
        assert_eq!(health[name], expected, "{name} of {health}");
    }
    world
        .clerk
        .fault(Endpoint::VerifyApiKey, Fault::status(500))
        .times(5);
    for _ in 0..5 {
        assert_eq!(status(&service, &world.key()).await, 503);
    }
    let health = serde_json::to_value(service.health()).unwrap();
    assert_eq!(
        (&health["breaker"], &health["problem"]),
        (&json!("open"), &json!("failing"))
    );
    assert_eq!(health["lastError"]["problem"], "failing");
}

#[tokio::test]
async fn after_shutdown_known_tokens_are_served_and_nothing_is_begun() {
    let world = World::new().await;
    let service = world.service();
    let (key, jwt) = (world.key(), world.jwt());
    assert_eq!(
        (status(&service, &key).await, status(&service, &jwt).await),
        (200, 200)
    );
    service.shutdown().await;
    let calls = world.clerk.calls(Endpoint::Any);
    assert_eq!(
        (status(&service, &key).await, status(&service, &jwt).await),
        (200, 200)
    );
    assert_eq!(status(&service, &world.key()).await, 503);
    world.pass(SECOND * 67);
    assert_eq!(status(&service, &key).await, 200, "past its fresh time");
    assert_eq!(world.clerk.calls(Endpoint::Any), calls);
    service.shutdown().await;
}

#[tokio::test]
async fn rule_11_tasks_end_when_the_last_clone_is_dropped() {
    let world = World::new().await;
    world.clerk.fault(Endpoint::Any, Fault::hang()).always();
    let alive = || Handle::current().metrics().num_alive_tasks();
    let service = world.builder().timeout(SECOND * 60).build().unwrap();
    let before = alive();
    for token in [world.key(), world.jwt()] {
        let patience = Duration::from_millis(50);
        assert!(
            tokio::time::timeout(patience, service.verify(&token))
                .await
                .is_err()
        );
    }
    assert_eq!(service.health().in_flight, 2);
    let clone = service.clone();
    drop(service);
    tokio::time::sleep(SECOND / 50).await;
    assert_eq!(clone.health().in_flight, 2, "a clone is left");
    drop(clone);
    for _ in 0..500 {
        tokio::time::sleep(SECOND / 100).await;
        if alive() <= before {
            return;
        }
    }
    panic!("{} tasks are left over", alive() - before);
}

#[tokio::test]
async fn rule_10_expiry_goes_by_the_wall_clock_cached_or_not() {
    let world = World::new().await;
    let service = world.service();
    let user = world.clerk.new_user_id();
    let key = world.clerk.api_key(user).lifetime(SECOND * 3_600).create();
    let token = world
        .clerk
        .m2m_token(&world.caller)
        .lifetime(SECOND * 3_600);
    let token = token.create();
    let jwt = world.clerk.m2m_jwt(&world.caller).lifetime(SECOND * 3_600);
    let jwt = jwt.create();
    let all = [key.token(), token.token(), jwt.token()];
    for token in all {
        assert_eq!(status(&service, token).await, 200);
    }
    let calls = world.clerk.calls(Endpoint::Any);
    world.clerk.clock().jump_wall_forward(SECOND * 3_606);
    for token in all {
        assert_eq!(status(&service, token).await, 401, "remembered, and over");
    }
    assert_eq!(world.clerk.calls(Endpoint::Any), calls, "nobody was asked");
    world.clerk.clock().jump_wall_back(SECOND * 3_606);
    for token in all {
        assert_eq!(
            status(&service, token).await,
            200,
            "the clock was wrong, not the token"
        );
    }
}

#[tokio::test]
async fn rule_7_the_wall_clock_never_lengthens_the_life_of_keys() {
    let world = World::new().await;
    let service = world.builder().any_sender().build().unwrap();
    let jwt = world
        .clerk
        .m2m_jwt(&world.caller)
        .lifetime(SECOND * 900_000);
    let jwt = jwt.create();
    for year in [-1, 1] {
        let before = world.fetched();
        if year < 0 {
            world.clerk.clock().jump_wall_back(SECOND * 100_000);
        } else {
            world.clerk.clock().jump_wall_forward(SECOND * 200_000);
        }
        world.pass(SECOND * 331);
        assert_eq!(
            status(&service, jwt.token()).await,
            if year < 0 { 401 } else { 200 }
        );
        assert_eq!(world.fetched(), before + 1);
    }
}
