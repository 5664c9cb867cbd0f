//! One budget for all replicas.

use clerk_machine_auth::health::FleetState;
use clerk_machine_auth::testing::{Endpoint, Fault, StoreFault};
use clerk_machine_auth::{AuthErrorKind, Authenticator};

use super::world::{SECOND, World, fleet, together, until};

/// Asks for new tokens until none gets in; returns how many did.
async fn use_up(replicas: &[Authenticator], from: usize) -> u32 {
    let mut granted = 0;
    let mut refused_in_a_row = 0;
    for n in from.. {
        let replica = &replicas[n % replicas.len()];
        // Time stands still for what is granted, not for whoever waits for it.
        if refused_in_a_row > 3 * replicas.len() || granted > 1_000 {
            break;
        }
        match replica.verify(&format!("ak_of_nobody_{n}")).await {
            Err(error) if error.kind() == AuthErrorKind::Unavailable => refused_in_a_row += 1,
            _ => {
                granted += 1;
                refused_in_a_row = 0;
            }
        }
    }
    granted
}

/// Time stands still: what all of them are granted at once is one burst, not one each.
#[tokio::test]
async fn rule_24_replicas_together_make_the_calls_of_one() {
    let world = World::new().await;
    world.clerk.clock().freeze();
    let replicas = world.replicas::<5>().await;
    let granted = use_up(&replicas, 0).await;
    // Half of the burst, what may be owed of the rate, and a call of each one's own part.
    assert!((75..=95).contains(&granted), "{granted}");
    assert!(replicas.iter().any(|it| fleet(it).calls_refused > 0));
}

/// Whoever writes to the store and takes the whole budget away cannot take each one's own part.
#[tokio::test]
async fn rule_24_a_part_of_the_budget_is_not_the_stores() {
    let world = World::new().await;
    let clock = world.clerk.clock().clone();
    clock.freeze();
    let replicas = world.replicas::<2>().await;
    use_up(&replicas, 0).await;
    let mut granted = 0;
    for second in 1..=2 {
        clock.advance(SECOND / 2);
        // It is all used up, every time somebody asks.
        let calls = world.calls();
        for (n, replica) in replicas.iter().enumerate() {
            drain(&world).await;
            let token = format!("ak_own_{second}_{n}");
            let answer = replica.verify(&token).await.unwrap_err();
            granted += u32::from(answer.kind() == AuthErrorKind::InvalidToken);
        }
        assert!(world.calls() > calls);
    }
    assert!(granted >= 3, "{granted}");
}

/// Uses up what the store grants, by the replica of somebody else.
async fn drain(world: &World) {
    let other = world.builder().build().unwrap();
    together(&other).await;
    use_up(&[other], 1_000_000).await;
}

/// Alone, each has its part of the whole.
#[tokio::test]
async fn rule_24_a_replica_that_is_alone_has_its_share_of_the_budget() {
    let world = World::new().await;
    let clock = world.clerk.clock().clone();
    clock.freeze();
    let replicas = world.replicas::<5>().await;
    world.memory.fail(StoreFault::Down);
    clock.advance(SECOND * 2);
    until(|| {
        replicas
            .iter()
            .all(|it| fleet(it).state == FleetState::Alone)
    })
    .await;
    let granted = use_up(&replicas, 0).await;
    assert!((100..=200).contains(&granted), "{granted}");
}

/// A 429 halves the rate of whoever gets it, with a fleet as without.
#[tokio::test]
async fn rule_24_a_429_slows_a_replica_down_also_in_a_fleet() {
    let world = World::new().await;
    let clock = world.clerk.clock().clone();
    clock.freeze();
    let replicas = world.replicas::<2>().await;
    let limited = Fault::status(429).header("retry-after", "0");
    world.clerk.fault(Endpoint::VerifyApiKey, limited).once();
    assert!(replicas[0].verify("ak_first").await.is_err());
    let health = replicas[0].health();
    assert_eq!(health.calls_left_unknown, 0, "what was saved up is void");
    assert!(replicas[1].health().calls_left_unknown > 0);
}
