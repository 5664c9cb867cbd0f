//! Rule 8: Clerk refuses our own secret. That is our fault and nobody else's.

use clerk_machine_auth::Trouble;
use clerk_machine_auth::testing::{Endpoint, Fault};

use crate::faults::world::{SECOND, World, status};
use crate::support::log;

#[tokio::test]
async fn rule_8_refused_credentials_are_one_state_that_ends_by_itself() {
    let world = World::new().await;
    let service = world.service();
    let known = world.key();
    assert_eq!(status(&service, &known).await, 200);
    world
        .clerk
        .fault(Endpoint::VerifyApiKey, Fault::status(401))
        .always();
    for _ in 0..20 {
        assert_eq!(status(&service, &world.key()).await, 503);
        assert_eq!(
            status(&service, &known).await,
            200,
            "known tokens are served"
        );
    }
    assert_eq!(service.health().trouble, Some(Trouble::Credentials));
    assert_eq!(
        service.health().breaker,
        clerk_machine_auth::BreakerState::Closed
    );
    world.clerk.clear_faults();
    assert_eq!(status(&service, &world.key()).await, 200);
    let health = service.health();
    assert_eq!(
        (health.trouble, health.last_error.unwrap().trouble),
        (None, Trouble::Credentials)
    );
}

#[tokio::test]
async fn rule_8_a_machine_secret_that_stays_refused_is_reloaded_once_per_cooldown() {
    let world = World::new().await;
    let admin = world.service().admin().unwrap().clone();
    let id = clerk_machine_auth::MachineId::new(world.me.id()).unwrap();
    let secret = clerk_machine_auth::MachineSecret::managed(admin, id);
    let service = world.builder().machine_secret(secret).build().unwrap();
    let token = || {
        world
            .clerk
            .m2m_token(&world.caller)
            .create()
            .token()
            .to_owned()
    };
    assert_eq!(status(&service, &token()).await, 200);
    world
        .clerk
        .fault(Endpoint::VerifyM2mToken, Fault::status(401))
        .always();
    for _ in 0..10 {
        assert_eq!(status(&service, &token()).await, 503);
    }
    assert_eq!(
        world.clerk.calls(Endpoint::GetMachineSecret),
        2,
        "the first, and one reload"
    );
    world.clerk.clear_faults();
    world.pass(SECOND);
    assert_eq!(status(&service, &token()).await, 200);
}

#[tokio::test]
async fn rule_8_refused_credentials_are_reported_once_until_they_work_again() {
    log::listen();
    let reported = || log::logged().matches("Clerk refuses the secret").count();
    let world = World::new().await;
    let service = world.service();
    for reports in 1..=2 {
        world
            .clerk
            .fault(Endpoint::VerifyApiKey, Fault::status(401))
            .always();
        for _ in 0..50 {
            assert_eq!(status(&service, &world.key()).await, 503);
        }
        assert_eq!(reported(), reports, "one for each time");
        world.clerk.clear_faults();
        assert_eq!(status(&service, &world.key()).await, 200);
    }
}
