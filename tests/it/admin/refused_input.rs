//! Input that Clerk would refuse is refused before the call, with the field named.

use std::time::Duration;

use clerk_machine_auth::TokenFormat;
use clerk_machine_auth::admin::MachineOrder;
use clerk_machine_auth::testing::Endpoint;
use clerk_machine_auth::{AdminError, AdminErrorKind, MachineId};

use crate::admin::world::{World, machine_id, unknown_key, unknown_machine};

const SECOND: Duration = Duration::from_secs(1);

/// Something that has no form in JSON.
struct Unwritable;

impl serde::Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no"))
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, AdminError>, field: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), AdminErrorKind::InvalidInput, "{error}");
    assert_eq!(error.field(), Some(field), "{error}");
    assert!(!error.is_outcome_unknown());
}

#[tokio::test]
async fn machines_out_of_bounds_cost_no_call() {
    let world = World::new().await;
    let (machines, id) = (world.admin.machines(), unknown_machine());
    let many = |count| (0..count).map(|n| MachineId::new(format!("mch_{n:027}")).unwrap());
    refused(machines.create("").send().await, "name");
    refused(machines.create("x".repeat(256)).send().await, "name");
    refused(
        machines.create("a").scoped_to(many(151)).send().await,
        "scoped_machines",
    );
    for ttl in [Duration::ZERO, SECOND * 315_360_001, SECOND / 2] {
        let create = machines.create("a").default_token_ttl(ttl);
        refused(create.send().await, "default_token_ttl");
        let update = machines.update(&id).default_token_ttl(ttl);
        refused(update.send().await, "default_token_ttl");
    }
    refused(machines.update(&id).name("").send().await, "name");
    for ttl in [SECOND * 28_801, SECOND / 2] {
        let rotate = machines.rotate_secret_key(&id, ttl).send();
        refused(rotate.await, "previous_token_ttl");
    }
    for limit in [0, 501] {
        let list = || {
            machines
                .list()
                .order_by(MachineOrder::OldestFirst)
                .limit(limit)
        };
        refused(list().page().await, "limit");
        let streamed = futures_util::StreamExt::next(&mut list().stream()).await;
        refused(streamed.unwrap(), "limit");
    }
    assert_eq!(world.clerk.calls(Endpoint::Any), 0);
}

#[tokio::test]
async fn the_largest_machine_is_taken() {
    let world = World::new().await;
    let others: Vec<_> = (0..150)
        .map(|n| machine_id(&world.clerk.machine(format!("m{n}")).create()))
        .collect();
    let create = world
        .admin
        .machines()
        .create("é".repeat(255))
        .scoped_to(others);
    let created = create
        .default_token_ttl(SECOND * 315_360_000)
        .send()
        .await
        .unwrap();
    assert_eq!(created.machine.scoped_machines.len(), 150);
    let rotate = world
        .admin
        .machines()
        .rotate_secret_key(&created.machine.id, SECOND * 28_800);
    rotate.send().await.unwrap();
}

#[tokio::test]
async fn tokens_out_of_bounds_cost_no_call() {
    let world = World::new().await;
    let machine = world.clerk.machine("orders").create();
    let client = world.of_machine(&machine);
    let (tokens, id) = (client.m2m_tokens(), machine_id(&machine));
    let create = || tokens.create().format(TokenFormat::Opaque);
    let zero = create().expires_in(Duration::ZERO).send().await;
    refused(zero, "seconds_until_expiration");
    let never = create()
        .expires_in(SECOND * 60)
        .min_remaining_ttl(SECOND * 60);
    refused(never.send().await, "min_remaining_ttl_seconds");
    let half = create().min_remaining_ttl(SECOND / 2).send().await;
    refused(half, "min_remaining_ttl_seconds");
    refused(create().claims(Unwritable).send().await, "claims");
    refused(tokens.verify("").send().await, "token");
    refused(tokens.list(&id).limit(0).page().await, "limit");
    refused(tokens.list(&id).limit(101).page().await, "limit");
    assert_eq!(world.clerk.calls(Endpoint::Any), 0);
}

#[tokio::test]
async fn keys_out_of_bounds_cost_no_call() {
    let world = World::new().await;
    let (keys, user) = (world.admin.api_keys(), world.clerk.new_user_id());
    for name in ["", "ab", " abc", "abc "] {
        refused(keys.create(name, &user).send().await, "name");
    }
    for subject in ["", "user_", "key_abc", "user_a/b", "user_a b", "../user_a"] {
        refused(keys.create("name", subject).send().await, "subject");
        refused(keys.list(subject).page().await, "subject");
        refused(
            keys.update(&unknown_key()).subject(subject).send().await,
            "subject",
        );
    }
    let create = || keys.create("name", &user);
    refused(create().key_type("ab").send().await, "type");
    refused(create().key_type("x".repeat(26)).send().await, "type");
    refused(
        create().description("x".repeat(256)).send().await,
        "description",
    );
    refused(create().created_by("org_a").send().await, "created_by");
    refused(create().claims(Unwritable).send().await, "claims");
    let zero = create().expires_in(Duration::ZERO).send().await;
    refused(zero, "seconds_until_expiration");
    refused(keys.list(&user).key_type("ab").page().await, "type");
    refused(keys.list(&user).limit(101).page().await, "limit");
    let long = keys
        .update(&unknown_key())
        .description(Some("x".repeat(256)));
    refused(long.send().await, "description");
    refused(keys.verify("").await, "secret");
    refused(
        world.admin.oauth_access_tokens().verify("").await,
        "access_token",
    );
    assert_eq!(world.clerk.calls(Endpoint::Any), 0);
}
