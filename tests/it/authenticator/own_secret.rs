//! Rules 5 and 8: the secrets of this service are never tokens, and a rotated one is taken up.

use std::time::Duration;

use clerk_machine_auth::testing::{Credential, Endpoint, Fault};

use crate::authenticator::world::{World, reason};

#[tokio::test]
async fn rule_5_our_own_secrets_are_refused_without_a_call() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    assert_eq!(reason(&auth, world.me.secret_key()).await, "own_secret");
    assert_eq!(
        reason(&auth, world.clerk.secret_key()).await,
        "unknown_class"
    );
    assert_eq!(world.calls(Endpoint::Any), 0);
}

#[tokio::test]
async fn rule_5_machine_secrets_from_before_a_rotation_are_refused_without_a_call() {
    let world = World::new().await;
    let secret = world.managed_secret();
    let auth = world.builder().machine_secret(secret.clone());
    let auth = auth.build().unwrap();
    let mut previous = vec![secret.load().await.unwrap()];
    for _ in 0..3 {
        secret.rotate(Duration::from_secs(28_800)).await.unwrap();
        previous.push(secret.current().unwrap());
    }
    for secret in &previous {
        assert_eq!(reason(&auth, secret.expose_secret()).await, "own_secret");
    }
    assert_eq!(world.calls(Endpoint::VerifyApiKey), 0);
}

#[tokio::test]
async fn rule_5_a_managed_secret_is_known_before_an_api_key_is_sent_to_clerk() {
    let world = World::new().await;
    let secret = world.managed_secret();
    let auth = world.builder().machine_secret(secret.clone());
    let auth = auth.build().unwrap();
    let failing = Fault::status(500);
    world
        .clerk
        .fault(Endpoint::GetMachineSecret, failing)
        .always();
    let key = world.clerk.api_key(world.clerk.new_user_id()).create();
    for token in [world.me.secret_key(), key.token()] {
        let error = auth.verify(token).await.unwrap_err();
        assert_eq!((error.status().as_u16(), error.reason()), (503, "upstream"));
    }
    world.clerk.clear_faults();
    world.clerk.clock().advance(Duration::from_secs(1));
    assert_eq!(reason(&auth, world.me.secret_key()).await, "own_secret");
    assert_eq!(world.calls(Endpoint::VerifyApiKey), 0);
    assert_eq!(reason(&auth, key.token()).await, "ok");
}

#[tokio::test]
async fn rule_5_another_machines_secret_is_no_api_key() {
    let world = World::new().await;
    world
        .clerk
        .configure(|options| options.machine_secret_is_api_key = true);
    let auth = world.builder().build().unwrap();
    assert_eq!(
        reason(&auth, world.caller.secret_key()).await,
        "unknown_class"
    );
    let other = world
        .clerk
        .api_key(world.clerk.new_user_id())
        .key_type("other")
        .create();
    assert_eq!(reason(&auth, other.token()).await, "unknown_class");
}

#[tokio::test]
async fn rule_8_the_machine_secret_is_preferred_for_m2m() {
    let world = World::new().await;
    let auth = world.builder().build().unwrap();
    assert_eq!(reason(&auth, &world.opaque(&world.caller)).await, "ok");
    let asked = world.clerk.requests();
    let asked = asked
        .iter()
        .find(|request| request.endpoint == Endpoint::VerifyM2mToken)
        .unwrap();
    assert!(
        matches!(&asked.credential, Credential::MachineSecret { .. }),
        "{:?}",
        asked.credential
    );
}

#[tokio::test]
async fn rule_8_a_rotated_machine_secret_is_taken_up_within_the_request() {
    let world = World::new().await;
    let secret = world.managed_secret();
    let auth = world.bare().machine_secret(secret).build().unwrap();
    auth.warm_up().await.unwrap();
    assert_eq!(reason(&auth, &world.opaque(&world.caller)).await, "ok");
    world.clerk.rotate_machine_secret(&world.me, Duration::ZERO);
    assert_eq!(reason(&auth, &world.opaque(&world.caller)).await, "ok");
    assert_eq!(world.calls(Endpoint::GetMachineSecret), 2);
}

#[tokio::test]
async fn rule_8_a_refused_secret_is_our_fault_and_mends_itself() {
    let world = World::new().await;
    let secret = world.clerk.add_secret_key();
    let auth = world
        .bare()
        .secret_key(&secret)
        .machine_id(world.me.id())
        .build()
        .unwrap();
    let key = world.clerk.api_key(world.clerk.new_user_id()).create();
    world.clerk.revoke_secret_key(&secret);
    let error = auth.verify(key.token()).await.unwrap_err();
    assert_eq!(
        (error.status().as_u16(), error.reason()),
        (503, "credentials")
    );
    assert!(auth.health().problem.is_some());
}
