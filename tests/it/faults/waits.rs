//! Rules 10 and 13: one deadline for all that a request waits for, and a fresh look after it.

use std::time::Duration;

use clerk_machine_auth::testing::{Endpoint, Fault};
use clerk_machine_auth::{AuthError, Authenticator, MachineAuth};

use crate::faults::keys::settle;
use crate::faults::world::{SECOND, World, status};

/// More than half of the services' timeout, and less than all of it.
const MOST_OF_IT: Duration = Duration::from_millis(700);

#[tokio::test]
async fn rule_13_all_waits_of_a_request_share_one_timeout() {
    let world = World::new().await;
    let service = world.service();
    for endpoint in [Endpoint::GetJwks, Endpoint::GetMachine] {
        let slow = Fault::delay(MOST_OF_IT);
        world.clerk.fault(endpoint, slow).always();
    }
    let token = world.jwt();
    assert_eq!(
        status(&service, &token).await,
        503,
        "each was in time alone"
    );
    settle(&service).await;
    assert_eq!(status(&service, &token).await, 200, "its answers are kept");
    assert_eq!(world.fetched(), 1);
    assert_eq!(world.clerk.calls(Endpoint::GetMachine), 1);
}

/// The answer to a JWT whose sender Clerk is asked about while `change` happens.
async fn changed_meanwhile(
    world: &World,
    service: &Authenticator,
    slow: Endpoint,
    change: impl FnOnce(),
) -> Result<MachineAuth, AuthError> {
    world.clerk.clear_faults();
    world.clerk.fault(slow, Fault::delay(SECOND / 4)).once();
    let (asking, token) = (service.clone(), world.jwt());
    let before = world.clerk.calls(slow);
    let asked = tokio::spawn(async move { asking.verify(&token).await });
    while world.clerk.calls(slow) == before {
        tokio::time::sleep(SECOND / 200).await;
    }
    change();
    asked.await.unwrap()
}

#[tokio::test]
async fn rule_10_a_revocation_counts_for_a_jwt_that_waits() {
    for slow in [Endpoint::GetJwks, Endpoint::GetMachine] {
        let world = World::new().await;
        let service = world.service();
        let refuse = || {
            let revocations = service.revocations();
            revocations.refuse_subject(world.caller.id()).unwrap();
        };
        let answer = changed_meanwhile(&world, &service, slow, refuse).await;
        assert_eq!(answer.unwrap_err().reason(), "revoked", "{slow:?}");
    }
}

#[tokio::test]
async fn rule_10_a_jwt_that_expires_while_it_waits_is_not_accepted() {
    for slow in [Endpoint::GetJwks, Endpoint::GetMachine] {
        let world = World::new().await;
        let service = world.service();
        let jump = || world.clerk.clock().jump_wall_forward(SECOND * 90_000);
        let answer = changed_meanwhile(&world, &service, slow, jump).await;
        assert_eq!(answer.unwrap_err().reason(), "expired", "{slow:?}");
    }
}
