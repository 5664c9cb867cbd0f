//! The life of a machine secret over real HTTP: lost answers, replicas, reloads, load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::support::openapi::{Requests, assert_conforms};
use clerk_machine_auth::testing::{ClerkEmulator, EmulatedMachine, Endpoint, Fault};
use clerk_machine_auth::{
    AdminClient, MachineId, MachineSecret, SecretKey,
    machine_secret::{Reload, Rotation},
};
use futures_util::future::join_all;

const MINUTE: Duration = Duration::from_secs(60);

struct World {
    clerk: ClerkEmulator,
    machine: EmulatedMachine,
}

impl World {
    async fn new() -> Self {
        let clerk = ClerkEmulator::start().await;
        let machine = clerk.machine("orders").create();
        Self { clerk, machine }
    }

    /// A replica of the service: a client of its own, a secret of its own, the emulator's clock.
    fn replica(&self) -> MachineSecret {
        let client = AdminClient::builder()
            .api_url(self.clerk.api_url())
            .secret_key(SecretKey::new(self.clerk.secret_key()).unwrap())
            .clock(self.clerk.clock().clone())
            .build()
            .unwrap();
        MachineSecret::managed(client, MachineId::new(self.machine.id()).unwrap())
    }

    /// A client that uses a replica's secret.
    fn client(&self, secret: &MachineSecret) -> AdminClient {
        AdminClient::builder()
            .api_url(self.clerk.api_url())
            .machine_secret(secret.clone())
            .build()
            .unwrap()
    }

    fn now(&self) -> String {
        self.clerk.machine_secret(&self.machine)
    }

    fn rotations(&self) -> u64 {
        self.clerk.calls(Endpoint::RotateMachineSecret)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_conforms(&self.clerk.requests(), Requests::All);
        }
    }
}

fn current(secret: &MachineSecret) -> String {
    secret.current().unwrap().expose_secret().to_owned()
}

#[tokio::test]
async fn a_managed_secret_is_fetched_when_it_is_first_needed() {
    let world = World::new().await;
    let secret = world.replica();
    assert!(secret.current().is_none());
    assert_eq!(world.clerk.calls(Endpoint::Any), 0);
    let client = world.client(&secret);
    let created = join_all((0..10).map(|_| client.m2m_tokens().create().send())).await;
    assert!(created.iter().all(Result::is_ok));
    assert_eq!(world.clerk.calls(Endpoint::GetMachineSecret), 1);
    assert_eq!(current(&secret), world.now());
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_2_ten_concurrent_rotations_make_one_post() {
    let world = World::new().await;
    let secret = world.replica();
    let slow = Fault::delay(Duration::from_millis(300));
    world
        .clerk
        .fault(Endpoint::RotateMachineSecret, slow)
        .once();
    let rotations = (0..10).map(|_| {
        let secret = secret.clone();
        tokio::spawn(async move { secret.rotate(MINUTE).await })
    });
    for outcome in join_all(rotations).await {
        assert_eq!(outcome.unwrap().unwrap(), Rotation::Rotated);
    }
    assert_eq!(world.rotations(), 1);
    assert_eq!(current(&secret), world.now());
}

#[tokio::test]
async fn a_rotation_whose_answer_is_lost_makes_one_post_and_is_adopted() {
    let world = World::new().await;
    let secret = world.replica();
    let mut watch = secret.watch();
    secret.load().await.unwrap();
    watch.changed().await.unwrap();
    let lost = Fault::drop_after_applying();
    world
        .clerk
        .fault(Endpoint::RotateMachineSecret, lost)
        .once();
    assert_eq!(secret.rotate(MINUTE).await.unwrap(), Rotation::Rotated);
    assert_eq!(world.rotations(), 1);
    assert_ne!(world.now(), world.machine.secret_key());
    assert_eq!(current(&secret), world.now());
    let persisted = watch.changed().await.unwrap();
    assert_eq!(persisted.expose_secret(), world.now());
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_lose_the_new_secret() {
    let world = World::new().await;
    let secret = world.replica();
    let slow = Fault::delay(Duration::from_millis(200));
    world
        .clerk
        .fault(Endpoint::RotateMachineSecret, slow)
        .once();
    let gone = tokio::time::timeout(Duration::from_millis(100), secret.rotate(MINUTE)).await;
    assert!(gone.is_err());
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!((world.rotations(), current(&secret)), (1, world.now()));
}

#[tokio::test]
async fn rule_4_a_replica_that_did_not_rotate_follows() {
    let world = World::new().await;
    let (one, other) = (world.replica(), world.replica());
    let client = world.client(&other);
    client.m2m_tokens().create().send().await.unwrap();
    one.rotate(MINUTE).await.unwrap();
    // The previous secret is good for a minute; then Clerk refuses it and it is reloaded.
    client.m2m_tokens().create().send().await.unwrap();
    assert_ne!(current(&other), world.now());
    world.clerk.clock().advance(MINUTE * 2);
    client.m2m_tokens().create().send().await.unwrap();
    assert_eq!(current(&other), world.now());
    // Asked to rotate, a replica that is behind adopts first.
    one.rotate(MINUTE).await.unwrap();
    assert_eq!(other.rotate(MINUTE).await.unwrap(), Rotation::Adopted);
    assert_eq!(world.rotations(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_rotate_at_once_do_not_lock_each_other_out() {
    let world = World::new().await;
    let replicas: Vec<_> = (0..5).map(|_| world.replica()).collect();
    join_all(replicas.iter().map(MachineSecret::load)).await;
    for round in 1..=5 {
        let rotations = replicas.iter().map(|secret| secret.rotate(MINUTE * 5));
        assert!(join_all(rotations).await.iter().all(Result::is_ok));
        for _ in 0..2 {
            for secret in &replicas {
                let client = world.client(secret);
                let created = client.m2m_tokens().create().send().await;
                created.unwrap_or_else(|error| panic!("round {round}: {error}"));
            }
            // Every secret but the newest ends; whoever holds another reloads.
            world.clerk.clock().advance(MINUTE * 10);
        }
        assert!(replicas.iter().all(|secret| current(secret) == world.now()));
    }
}

#[tokio::test]
async fn rule_5_a_secret_that_stays_refused_is_read_once_per_cooldown() {
    let world = World::new().await;
    world.clerk.clock().freeze();
    let secret = world.replica();
    let client = world.client(&secret);
    secret.load().await.unwrap();
    world.clerk.reset_log();
    let refused = || Fault::status(401);
    world
        .clerk
        .fault(Endpoint::CreateM2mToken, refused())
        .always();
    let calls = (0..20).map(|_| client.m2m_tokens().create().send());
    assert!(join_all(calls).await.iter().all(Result::is_err));
    assert_eq!(world.clerk.calls(Endpoint::GetMachineSecret), 1);
    assert_eq!(world.clerk.calls(Endpoint::CreateM2mToken), 20);
    world.clerk.clock().advance(Duration::from_secs(29));
    assert_eq!(secret.reload().await.unwrap(), Reload::TooSoon);
    world.clerk.clock().advance(Duration::from_secs(1));
    assert_eq!(secret.reload().await.unwrap(), Reload::Unchanged);
    assert_eq!(world.clerk.calls(Endpoint::GetMachineSecret), 2);
}

#[tokio::test]
async fn a_schedule_rotates_until_its_handle_is_dropped() {
    let world = World::new().await;
    let secret = world.replica();
    for period in [Duration::ZERO, Duration::MAX] {
        let error = secret.rotate_every(period, MINUTE).unwrap_err();
        assert!(error.to_string().contains("period"), "{error}");
    }
    let handle = secret
        .rotate_every(Duration::from_millis(200), MINUTE)
        .unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(world.rotations() >= 2, "{} rotations", world.rotations());
    handle.stop().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let calls = world.clerk.calls(Endpoint::Any);
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(world.clerk.calls(Endpoint::Any), calls);
    assert_eq!(current(&secret), world.now());
}

/// Ten seconds of calls by two replicas while one of them rotates, some answers of rotations are
/// lost, and previous secrets really end: not one call fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_under_load_fails_no_call() {
    let world = Arc::new(World::new().await);
    let caller = world
        .clerk
        .machine("billing")
        .scoped_to(&world.machine)
        .create();
    let token = world.clerk.m2m_token(&caller).never_expires().create();
    let (rotating, following) = (world.replica(), world.replica());
    let (over, served) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let load: Vec<_> = (0..8)
        .map(|index| {
            let secret = if index % 2 == 0 {
                &rotating
            } else {
                &following
            };
            let (client, token) = (world.client(secret), token.token().to_owned());
            let (over, served) = (Arc::clone(&over), Arc::clone(&served));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let verified = client.m2m_tokens().verify(&token).send().await;
                    verified.unwrap_or_else(|error| panic!("after {served:?}: {error}"));
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for round in 0..20 {
        if round % 4 == 3 {
            let lost = Fault::drop_after_applying();
            world
                .clerk
                .fault(Endpoint::RotateMachineSecret, lost)
                .once();
        }
        rotating.rotate(MINUTE).await.unwrap();
        tokio::time::sleep(Duration::from_millis(400)).await;
        world.clerk.clock().advance(Duration::from_secs(61));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    over.store(true, Ordering::Relaxed);
    for task in load {
        task.await.unwrap();
    }
    println!(
        "{} calls, {} rotations, 0 failed",
        served.load(Ordering::Relaxed),
        world.rotations()
    );
    assert_eq!(world.rotations(), 20);
    assert!(served.load(Ordering::Relaxed) > 200);
}
