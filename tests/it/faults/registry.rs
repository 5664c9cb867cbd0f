//! Rules 8 and 9: what the registry's trouble becomes, and when its answers are forgotten.

use clerk_machine_auth::testing::{Endpoint, Fault};
use clerk_machine_auth::{BreakerState, Trouble};

use crate::faults::world::{World, status};

#[tokio::test]
async fn rule_9_trouble_of_the_registry_is_told_apart_and_never_lets_anybody_in() {
    let table = [
        (Fault::status(401), "credentials", Trouble::Credentials),
        (Fault::status(403), "credentials", Trouble::Credentials),
        (Fault::status(429), "rate_limited", Trouble::RateLimited),
        (Fault::status(500), "upstream", Trouble::Failing),
        (Fault::hang(), "upstream", Trouble::Failing),
        (Fault::drop_connection(), "upstream", Trouble::Failing),
        (Fault::status(418), "upstream_answer", Trouble::Unreadable),
        (
            Fault::status(200).body("<html>"),
            "upstream_answer",
            Trouble::Unreadable,
        ),
    ];
    for (fault, reason, trouble) in table {
        let world = World::new().await;
        let service = world.service();
        let shown = format!("{fault:?}");
        world.clerk.fault(Endpoint::GetMachine, fault).always();
        let error = service.verify(&world.jwt()).await.unwrap_err();
        assert_eq!(
            (error.status().as_u16(), error.reason()),
            (503, reason),
            "{shown}"
        );
        assert_eq!(service.health().trouble, Some(trouble), "{shown}");
        let is_paused = service.health().breaker == BreakerState::Paused;
        assert_eq!(is_paused, trouble == Trouble::RateLimited, "{shown}");
    }
}

#[tokio::test]
async fn rule_13_a_dead_registry_opens_the_breaker_and_a_strange_one_does_not() {
    for (fault, state) in [
        (Fault::status(500), BreakerState::Open),
        (Fault::reset_connection(), BreakerState::Open),
        (Fault::status(401), BreakerState::Closed),
        (Fault::status(418), BreakerState::Closed),
    ] {
        let world = World::new().await;
        let service = world.service();
        world.clerk.fault(Endpoint::GetMachine, fault).always();
        for _ in 0..5 {
            assert_eq!(status(&service, &world.jwt()).await, 503);
        }
        assert_eq!(service.health().breaker, state);
    }
}

#[tokio::test]
async fn rule_10_a_sender_that_is_forgotten_is_looked_up_again() {
    let world = World::new().await;
    let service = world.service();
    for looks in 1..=3 {
        assert_eq!(status(&service, &world.jwt()).await, 200);
        assert_eq!(status(&service, &world.jwt()).await, 200);
        assert_eq!(world.clerk.calls(Endpoint::GetMachine), looks);
        service.invalidate_subject(world.caller.id());
    }
    world.clerk.revoke_grant(&world.caller, &world.me);
    assert_eq!(status(&service, &world.jwt()).await, 401);
}
