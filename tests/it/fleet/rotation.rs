//! Replacing the key of a fleet, replica by replica.

use clerk_machine_auth::{Authenticator, Fleet};

use super::world::{KEY, MILLI, SECOND, World, together};

const NEXT: &str = "the next key of a fleet, 32 characters long";

async fn crosses(world: &World, from: &Authenticator, to: &Authenticator, n: usize) {
    let key = world.clerk.api_key(format!("user_{n}")).create();
    for replica in [from, to] {
        assert!(replica.verify(key.token()).await.is_ok());
    }
    world.clerk.revoke(key.id());
    match n % 3 {
        0 => from.invalidate_token(key.token()),
        1 => from.invalidate_id(key.id()),
        _ => from.revocations().refuse_token(key.id()).unwrap(),
    }
    let began = std::time::Instant::now();
    while to.verify(key.token()).await.is_ok() {
        assert!(began.elapsed() < SECOND * 30, "step {n}");
        tokio::time::sleep(MILLI * 5).await;
    }
}

#[tokio::test]
async fn rule_22_revocations_cross_at_every_step_of_a_rotation_of_the_fleet_key() {
    let world = World::new().await;
    let with = |keys: &[&str]| {
        let fleet = keys
            .iter()
            .fold(Fleet::memory(&world.memory), |fleet, key| fleet.key(*key));
        world.builder().fleet(fleet).build().unwrap()
    };
    let steps: [(&[&str], &[&str]); 3] = [
        (&[KEY], &[KEY, NEXT]),
        (&[KEY, NEXT], &[NEXT, KEY]),
        (&[NEXT, KEY], &[NEXT]),
    ];
    for (n, (before, after)) in steps.into_iter().enumerate() {
        let (old, new) = (with(before), with(after));
        together(&old).await;
        together(&new).await;
        for kind in 0..3 {
            crosses(&world, &old, &new, 6 * n + kind).await;
            crosses(&world, &new, &old, 6 * n + 3 + kind).await;
        }
    }
}

#[tokio::test]
async fn rule_20_the_key_of_a_fleet_is_long_or_comes_from_the_instance() {
    let world = World::new().await;
    let short = world
        .builder()
        .fleet(Fleet::memory(&world.memory).key("short"));
    let error = short.build().unwrap_err();
    assert_eq!(error.setting(), "fleet key (CLERK_FLEET_KEY)");
    assert!(!error.to_string().contains("short,") && error.to_string().contains("openssl"));
    let derived = world.builder().fleet(Fleet::memory(&world.memory));
    assert!(derived.build().is_ok());
    let none = Authenticator::builder()
        .api_url(world.clerk.api_url())
        .machine_secret_key(world.me.secret_key())
        .machine_id(world.me.id())
        .fleet(Fleet::memory(&world.memory));
    assert!(
        none.build()
            .unwrap_err()
            .to_string()
            .contains("the same for all replicas")
    );
}
