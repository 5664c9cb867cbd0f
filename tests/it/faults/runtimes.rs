//! Rule 11: one authenticator on several runtimes, some of which stop, stall or have no timers.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clerk_machine_auth::testing::{Endpoint, Fault, KeyRotation};
use clerk_machine_auth::{AuthError, AuthErrorKind, Authenticator};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::faults::keys::settle;
use crate::faults::leaders::answered;
use crate::faults::world::{SECOND, World, status};
use crate::support::{log, tls};

/// Long enough to begin a verification, and shorter than any timeout here.
const A_MOMENT: Duration = Duration::from_millis(50);

/// The calls of a first verification, with the kind of token that makes them.
const CALLS: [(usize, Endpoint); 5] = [
    (0, Endpoint::VerifyApiKey),
    (1, Endpoint::GetMachineSecret),
    (1, Endpoint::VerifyM2mToken),
    (2, Endpoint::GetJwks),
    (2, Endpoint::GetMachine),
];

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Begins a verification on a runtime of its own, which nobody drives after that.
async fn begin_elsewhere(service: &Authenticator, token: &str) -> Runtime {
    let (service, token) = (service.clone(), token.to_owned());
    let begin = move || {
        let runtime = runtime();
        runtime.block_on(async { timeout(A_MOMENT, service.verify(&token)).await.ok() });
        runtime
    };
    tokio::task::spawn_blocking(begin).await.unwrap()
}

/// Who joins a flight that does not go on is answered in time, and who comes later is let in.
async fn joins_and_recovers(world: &World, service: &Authenticator, token: &str, row: &str) {
    let joined = answered(service, token).await;
    assert!(matches!(joined, 200 | 503), "{row}: {joined}");
    world.pass(SECOND * 2);
    assert_eq!(answered(service, token).await, 200, "{row}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_11_an_idle_runtime_holds_nobody_up() {
    let world = World::new().await;
    for (kind, endpoint) in CALLS {
        let (service, (name, token)) =
            (world.bare().build().unwrap(), world.tokens()[kind].clone());
        world.clerk.fault(endpoint, Fault::hang()).once();
        let idle = begin_elsewhere(&service, &token).await;
        joins_and_recovers(&world, &service, &token, &format!("{name}, {endpoint:?}")).await;
        idle.shutdown_background();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_11_a_busy_worker_holds_up_nobody_else() {
    let world = World::new().await;
    for (kind, endpoint) in CALLS {
        let (service, (name, token)) =
            (world.bare().build().unwrap(), world.tokens()[kind].clone());
        world.clerk.fault(endpoint, Fault::hang()).once();
        let (release, released) = mpsc::channel::<()>();
        let (began, begun) = tokio::sync::oneshot::channel();
        let worker = thread::spawn({
            let (service, token) = (service.clone(), token.clone());
            move || {
                runtime().block_on(async move {
                    timeout(A_MOMENT, service.verify(&token)).await.ok();
                    began.send(()).unwrap();
                    released.recv().ok();
                });
            }
        });
        begun.await.unwrap();
        joins_and_recovers(&world, &service, &token, &format!("{name}, {endpoint:?}")).await;
        drop(release);
        worker.join().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_11_who_waits_goes_on_when_the_runtime_of_the_flight_ends() {
    let world = World::new().await;
    for (kind, endpoint) in CALLS {
        let (service, (name, token)) =
            (world.bare().build().unwrap(), world.tokens()[kind].clone());
        world.clerk.fault(endpoint, Fault::hang()).once();
        let ending = begin_elsewhere(&service, &token).await;
        let (joining, same) = (service.clone(), token.clone());
        let joined = tokio::spawn(async move { answered(&joining, &same).await });
        tokio::time::sleep(A_MOMENT).await;
        ending.shutdown_background();
        assert_eq!(joined.await.unwrap(), 200, "{name}, {endpoint:?}");
        settle(&service).await;
    }
}

/// As `#[tokio::test]`s do that share a static authenticator: each has a runtime of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_11_a_flight_that_ended_with_its_runtime_costs_the_next_one_nothing() {
    let world = World::new().await;
    for (kind, endpoint) in CALLS {
        let (service, (name, token)) =
            (world.bare().build().unwrap(), world.tokens()[kind].clone());
        world.clerk.fault(endpoint, Fault::hang()).once();
        begin_elsewhere(&service, &token)
            .await
            .shutdown_background();
        let next = move || runtime().block_on(answered(&service, &token));
        let next = tokio::task::spawn_blocking(next).await.unwrap();
        assert_eq!(next, 200, "{name}, {endpoint:?}");
    }
}

/// One HTTP/2 connection serves all runtimes, and lives on the one that made it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_11_a_connection_of_an_idle_runtime_is_given_up() {
    const NAME: &str = "faults::runtimes::rule_11_a_connection_of_an_idle_runtime_is_given_up";
    if !tls::trusted(NAME) {
        return;
    }
    let world = World::over_tls().await;
    world.clerk.clock().unfreeze();
    let (service, key) = (world.service(), world.key());
    let (making, first) = (service.clone(), key.clone());
    let make = move || {
        let runtime = runtime();
        assert_eq!(runtime.block_on(status(&making, &first)), 200);
        runtime
    };
    let idle = tokio::task::spawn_blocking(make).await.unwrap();
    assert_eq!(world.tls.as_ref().unwrap().connections(), (1, 1));
    let began = std::time::Instant::now();
    while answered(&service, &world.key()).await != 200 {
        assert!(began.elapsed() < SECOND * 15, "{:?}", service.health());
        tokio::time::sleep(A_MOMENT).await;
    }
    assert_eq!(world.tls.as_ref().unwrap().connections(), (2, 2));
    idle.shutdown_background();
}

/// Verifies on a runtime without timers; returns what was logged too.
async fn without_timers(service: &Authenticator, token: &str) -> (AuthError, String) {
    let (service, token) = (service.clone(), token.to_owned());
    let verify = move || {
        log::listen();
        let runtime = Builder::new_current_thread().enable_io().build().unwrap();
        let answer = runtime.block_on(service.verify(&token));
        (answer.unwrap_err(), log::logged())
    };
    tokio::task::spawn_blocking(verify).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runtime_without_timers_is_named_and_panics_nobody() {
    let world = World::new().await;
    let ready = world.service();
    assert_eq!(status(&ready, &world.jwt()).await, 200);
    world.clerk.rotate_keys(KeyRotation::SameKid);
    let under_a_new_key = (ready, "JWT under a new key", world.jwt());
    let first = |(name, token)| (world.bare().build().unwrap(), name, token);
    for (service, name, token) in world
        .tokens()
        .map(first)
        .into_iter()
        .chain([under_a_new_key])
    {
        let (error, logged) = without_timers(&service, &token).await;
        let answer = (error.kind(), error.status().as_u16(), error.reason());
        assert_eq!(
            answer,
            (AuthErrorKind::Internal, 500, "no_timers"),
            "{name}"
        );
        assert!(logged.contains("enable_time"), "{logged}");
        assert_eq!(status(&service, &token).await, 200, "{name}, elsewhere");
    }
}
