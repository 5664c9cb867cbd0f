//! Rule 8: Clerk refuses our own secret. That is our fault and nobody else's.

use clerk_machine_auth::health::UpstreamProblem;
use clerk_machine_auth::testing::{Endpoint, Fault, Unscoped};

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
    assert_eq!(service.health().problem, Some(UpstreamProblem::Credentials));
    assert_eq!(
        service.health().breaker,
        clerk_machine_auth::health::BreakerState::Closed
    );
    world.clerk.clear_faults();
    assert_eq!(status(&service, &world.key()).await, 200);
    let health = service.health();
    assert_eq!(
        (health.problem, health.last_error.unwrap().problem),
        (None, UpstreamProblem::Credentials)
    );
}

#[tokio::test]
async fn rule_8_a_machine_secret_that_stays_refused_is_reloaded_once_per_cooldown() {
    let world = World::new().await;
    let secret = world.managed_secret();
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

/// How Clerk answers about an M2M token that may not reach the asking machine is not documented.
#[tokio::test]
async fn rule_8_a_403_does_not_reload_the_machine_secret() {
    let world = World::new().await;
    world
        .clerk
        .configure(|options| options.unscoped = Unscoped::Forbidden);
    let secret = world.managed_secret();
    let service = world.builder().machine_secret(secret).build().unwrap();
    let stranger = world.clerk.machine("stranger").create();
    let unscoped = world.clerk.m2m_token(&stranger).create();
    for _ in 0..11 {
        assert_eq!(status(&service, unscoped.token()).await, 503);
    }
    let calls = |endpoint| world.clerk.calls(endpoint);
    assert_eq!(calls(Endpoint::VerifyM2mToken), 5, "then once in a second");
    assert_eq!(calls(Endpoint::GetMachineSecret), 1, "loaded once");
    // The reload that a real rotation needs has not been used up.
    let zero = std::time::Duration::ZERO;
    world.clerk.rotate_machine_secret(&world.me, zero);
    let good = world.clerk.m2m_token(&world.caller).create();
    assert_eq!(status(&service, good.token()).await, 200);
    assert_eq!(calls(Endpoint::GetMachineSecret), 2);
}

#[tokio::test]
async fn rule_8_a_quota_is_a_trouble_of_its_own_and_holds_back_its_own_kind() {
    for fault in [
        Fault::status(402),
        Fault::status(403).body(r#"{"errors":[{"code":"token_quota_exceeded"}]}"#),
    ] {
        let world = World::new().await;
        let secret = world.managed_secret();
        let service = world.builder().machine_secret(secret).build().unwrap();
        world.clerk.fault(Endpoint::VerifyM2mToken, fault).always();
        let token = || world.clerk.m2m_token(&world.caller).create();
        let error = service.verify(token().token()).await.unwrap_err();
        assert_eq!((error.status().as_u16(), error.reason()), (503, "quota"));
        assert_eq!(error.retry_after(), Some(SECOND * 30));
        assert_eq!(service.health().problem, Some(UpstreamProblem::Quota));
        for _ in 0..10 {
            assert_eq!(status(&service, token().token()).await, 503);
        }
        assert_eq!(
            world.clerk.calls(Endpoint::VerifyM2mToken),
            1,
            "calls are held"
        );
        assert_eq!(
            world.clerk.calls(Endpoint::GetMachineSecret),
            1,
            "no reload"
        );
        assert_eq!(status(&service, &world.key()).await, 200, "another kind");
        world.clerk.clear_faults();
        world.pass(SECOND * 30);
        assert_eq!(status(&service, token().token()).await, 200);
    }
}

/// Whoever sends them goes away at once, so that only the work that was begun remains.
#[tokio::test]
async fn rule_12_a_bounded_number_of_tokens_waits_for_a_machine_secret() {
    let world = World::new().await;
    let hang = Fault::hang();
    world.clerk.fault(Endpoint::GetMachineSecret, hang).always();
    let secret = world.managed_secret();
    let builder = world.builder().machine_secret(secret).timeout(SECOND * 30);
    let service = builder.build().unwrap();
    for n in 0..2_000 {
        let token = format!("mt_made_up_{n}");
        let gone = tokio::time::timeout(std::time::Duration::ZERO, service.verify(&token));
        gone.await.ok();
    }
    tokio::time::sleep(SECOND / 20).await;
    let running = service.health().in_flight;
    assert!(running <= 300, "{running} tasks");
    for token in ["mt_made_up_0123456789", "ak_made_up_0123456789"] {
        let error = service.verify(token).await.unwrap_err();
        let answer = (error.status().as_u16(), error.reason(), error.retry_after());
        assert_eq!(answer, (503, "overload", Some(SECOND)), "{token}");
    }
    assert_eq!(service.health().problem, None, "Clerk has not failed");
}
