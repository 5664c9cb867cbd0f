//! Rule 13: Clerk is away for a while.

use clerk_machine_auth::health::{BreakerState, UpstreamProblem};
use clerk_machine_auth::testing::{Endpoint, Fault};

use crate::faults::world::{SECOND, World, status};

#[tokio::test]
async fn rule_13_known_tokens_are_served_for_the_stale_window_and_then_are_not() {
    let world = World::new().await;
    let service = world.service();
    let (known, jwt) = (world.key(), world.jwt());
    assert_eq!(
        (status(&service, &known).await, status(&service, &jwt).await),
        (200, 200)
    );
    world.clerk.stop_listening().await;
    // After 53 s and 113 s: inside the shortest of the two windows together, which is 114 s.
    for elapsed in [53, 60] {
        world.pass(SECOND * elapsed);
        assert_eq!(status(&service, &known).await, 200, "{elapsed} s later");
        assert_eq!(status(&service, &jwt).await, 200, "{elapsed} s later");
    }
    world.pass(SECOND * 14);
    let error = service.verify(&known).await.unwrap_err();
    assert_eq!(error.status(), 503);
    assert!(
        error.reason() == "upstream" || error.retry_after().is_some(),
        "{error:?}"
    );
    assert_eq!(
        status(&service, &jwt).await,
        503,
        "its sender cannot be asked about"
    );
    world.clerk.resume_listening().await.unwrap();
    world.pass(SECOND);
    assert_eq!(
        (status(&service, &known).await, status(&service, &jwt).await),
        (200, 200)
    );
}

#[tokio::test]
async fn rule_13_an_outage_does_not_cost_a_timeout_for_each_request() {
    let world = World::new().await;
    let service = world.service();
    world
        .clerk
        .fault(Endpoint::VerifyApiKey, Fault::status(500))
        .always();
    for _ in 0..5 {
        assert_eq!(status(&service, &world.key()).await, 503);
    }
    assert_eq!(
        (world.asked(), service.health().breaker),
        (5, BreakerState::Open)
    );
    for _ in 0..100 {
        let error = service.verify(&world.key()).await.unwrap_err();
        assert!(error.status() == 503 && error.retry_after().is_some());
    }
    assert_eq!(world.asked(), 5, "calls are held back");
    for probes in 1..=3 {
        world.pass(SECOND / 2);
        for _ in 0..10 {
            assert_eq!(status(&service, &world.key()).await, 503);
        }
        assert_eq!(world.asked(), 5 + probes, "one in each half second");
    }
    world.clerk.clear_faults();
    world.pass(SECOND / 2);
    assert_eq!(status(&service, &world.key()).await, 200);
    assert_eq!(status(&service, &world.key()).await, 200);
    let health = service.health();
    assert_eq!(
        (health.breaker, health.problem),
        (BreakerState::Closed, None)
    );
    assert_eq!(health.last_error.unwrap().problem, UpstreamProblem::Failing);
}

#[tokio::test]
async fn rule_13_a_service_is_built_and_recovers_while_clerk_is_away() {
    let world = World::new().await;
    let (key, jwt) = (world.key(), world.jwt());
    world.clerk.stop_listening().await;
    let service = world.service();
    assert!(service.warm_up().await.is_err());
    assert_eq!(
        (status(&service, &key).await, status(&service, &jwt).await),
        (503, 503)
    );
    world.clerk.resume_listening().await.unwrap();
    world.pass(SECOND * 2);
    assert!(service.warm_up().await.is_ok());
    assert_eq!(
        (status(&service, &key).await, status(&service, &jwt).await),
        (200, 200)
    );
}

#[tokio::test]
async fn rule_10_the_wall_clock_never_lengthens_the_life_of_a_verdict() {
    let world = World::new().await;
    let service = world.service();
    let key = world.key();
    assert_eq!((status(&service, &key).await, world.asked()), (200, 1));
    world.clerk.clock().jump_wall_back(SECOND * 86_400);
    assert_eq!((status(&service, &key).await, world.asked()), (200, 1));
    world.pass(SECOND * 67);
    assert_eq!((status(&service, &key).await, world.asked()), (200, 2));
}

#[tokio::test]
async fn rule_13_what_runs_in_the_background_ends_with_its_owner() {
    let world = World::new().await;
    world
        .clerk
        .fault(Endpoint::VerifyApiKey, Fault::hang())
        .always();
    let service = world.builder().timeout(SECOND * 60).build().unwrap();
    let asking = service.clone();
    let key = world.key();
    let request = tokio::spawn(async move { status(&asking, &key).await });
    while world.asked() == 0 {
        tokio::time::sleep(SECOND / 100).await;
    }
    assert_eq!(service.health().in_flight, 1);
    service.shutdown().await;
    assert_eq!(
        (request.await.unwrap(), service.health().in_flight),
        (503, 0)
    );
}
