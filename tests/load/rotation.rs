//! Rules 7 and 8: keys and secrets change under load, and nobody notices.

use std::sync::Arc;
use std::time::Duration;

use clerk_machine_auth::testing::{ClerkEmulator, Endpoint, KeyRotation};
use clerk_machine_auth::{MachineId, MachineSecret};

use crate::driver::{Load, TURN};

const SECOND: Duration = Duration::from_secs(1);

/// Ten seconds and more of load through the verifier, half of it on tokens that it never saw,
/// while the machine secret is rotated five times by this service and once by another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_8_rotations_of_the_machine_secret_under_load_fail_no_request() {
    let _turn = TURN.lock().await;
    let clerk = Arc::new(ClerkEmulator::start().await);
    let me = clerk.machine("me").create();
    let caller = clerk.machine("caller").scoped_to(&me).create();
    let admin = clerk.authenticator_for(&me).admin().unwrap().clone();
    let secret = MachineSecret::managed(admin, MachineId::new(me.id()).unwrap());
    let builder = clerk
        .authenticator_builder(&me)
        .machine_secret(secret.clone());
    let service = builder
        .calls_per_second(10_000)
        .unknown_calls_per_second(9_000)
        .build()
        .unwrap();
    let known: Vec<_> = (0..50)
        .map(|_| clerk.m2m_token(&caller).create().token().to_owned())
        .collect();
    let minting = Arc::clone(&clerk);
    let load = Load::start(&service, 8, SECOND / 200, move |worker, turn| {
        if worker % 2 == 0 {
            known[turn % known.len()].clone()
        } else {
            minting.m2m_token(&caller).create().token().to_owned()
        }
    });
    for rotation in 0..6 {
        tokio::time::sleep(SECOND * 2).await;
        if rotation == 3 {
            clerk.rotate_machine_secret(&me, SECOND * 60);
        } else {
            secret.rotate(SECOND * 60).await.unwrap();
        }
    }
    let (served, rejected, unavailable) = load.stop().await;
    let calls = clerk.calls(Endpoint::VerifyM2mToken);
    println!(
        "6 rotations in 12 s: {served} served ({calls} calls), {rejected} + {unavailable} failed"
    );
    assert_eq!((rejected, unavailable), (0, 0));
    assert!(served > 1_000 && calls > 500);
}

/// Keys rotate with overlap, again and again, while old and new tokens come in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rule_7_rotations_of_keys_with_overlap_under_load_fail_no_request() {
    let _turn = TURN.lock().await;
    let clerk = Arc::new(ClerkEmulator::start().await);
    let me = clerk.machine("me").create();
    let caller = clerk.machine("caller").scoped_to(&me).create();
    let service = clerk.authenticator_for(&me);
    let minting = Arc::clone(&clerk);
    let load = Load::start(&service, 4, SECOND / 200, move |_, _| {
        minting.m2m_jwt(&caller).create().token().to_owned()
    });
    for _ in 0..3 {
        tokio::time::sleep(SECOND).await;
        // A cooldown has passed since the last fetch, as it has between real rotations.
        clerk.clock().advance(SECOND * 31);
        clerk.rotate_keys(KeyRotation::NewKid { keep_old: true });
        tokio::time::sleep(SECOND / 2).await;
    }
    let (served, rejected, unavailable) = load.stop().await;
    println!("3 rotations of keys: {served} served, {rejected} + {unavailable} failed");
    assert_eq!((rejected, unavailable), (0, 0));
    assert!(served > 300);
}
