//! `machines()`.

use std::time::Duration;

use clerk_machine_auth::testing::{Credential, Endpoint};
use clerk_machine_auth::{AdminClient, SecretKey};

use crate::admin::world::{World, machine_id, refusal, unknown_machine};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_machine_is_created_read_changed_and_deleted() {
    let world = World::new().await;
    let machines = world.admin.machines();
    let orders = machines.create("orders").send().await.unwrap();
    let billing = machines
        .create("billing")
        .scoped_to([orders.machine.id.clone()])
        .default_token_ttl(HOUR * 2)
        .send()
        .await
        .unwrap();
    assert!(billing.machine.can_reach(&orders.machine.id));
    assert_eq!(billing.machine.default_token_ttl, Some(HOUR * 2));
    assert_eq!(billing.machine.instance_id, world.clerk.instance_id());
    assert_eq!(orders.machine.default_token_ttl, Some(HOUR));

    let id = &billing.machine.id;
    assert_eq!(machines.get(id).await.unwrap(), billing.machine);
    let secret = machines.get_secret_key(id).await.unwrap();
    assert_eq!(secret.expose_secret(), billing.secret_key.expose_secret());

    let updated = machines.update(id).name("invoices").default_token_ttl(HOUR);
    let updated = updated.send().await.unwrap();
    assert_eq!(updated.name, "invoices");
    assert_eq!(updated.default_token_ttl, Some(HOUR));
    assert!(updated.can_reach(&orders.machine.id));

    machines.delete(id).await.unwrap();
    assert!(machines.get(id).await.unwrap_err().is_not_found());
    assert!(
        world
            .clerk
            .requests()
            .iter()
            .all(|r| r.credential == Credential::InstanceSecret)
    );
}

#[tokio::test]
async fn scopes_come_and_go() {
    let world = World::new().await;
    let [from, to] = ["a", "b"].map(|name| machine_id(&world.clerk.machine(name).create()));
    let machines = world.admin.machines();
    let scope = machines.create_scope(&from, &to).await.unwrap();
    assert_eq!((&scope.from_machine_id, &scope.to_machine_id), (&from, &to));
    assert!(scope.created_at.is_some());
    assert!(machines.get(&from).await.unwrap().can_reach(&to));
    assert!(!machines.get(&to).await.unwrap().can_reach(&from));

    let twice = refusal(machines.create_scope(&from, &to).await);
    assert!(twice.is_conflict() && !twice.is_name_conflict());
    machines.delete_scope(&from, &to).await.unwrap();
    assert!(refusal(machines.delete_scope(&from, &to).await).is_not_found());
    assert!(refusal(machines.create_scope(&from, &unknown_machine()).await).is_not_found());
}

#[tokio::test]
async fn a_rotation_gives_another_secret_and_keeps_the_previous_one_for_a_while() {
    let world = World::new().await;
    let machine = world.clerk.machine("orders").create();
    let token = world.clerk.m2m_token(&machine).create();
    let machines = world.admin.machines();
    let rotated = machines.rotate_secret_key(&machine_id(&machine), Duration::from_secs(60));
    let new = rotated.send().await.unwrap();
    assert_ne!(new.expose_secret(), machine.secret_key());
    // One read to be able to tell a lost answer, one rotation.
    assert_eq!(world.clerk.calls(Endpoint::GetMachineSecret), 1);
    assert_eq!(world.clerk.calls(Endpoint::RotateMachineSecret), 1);

    let old = world.of_machine(&machine);
    let list = || async {
        let mine = old.m2m_tokens().list(&machine_id(&machine));
        mine.page().await.map(|page| page.data.len())
    };
    assert_eq!(list().await.unwrap(), 1);
    world.clerk.clock().advance(Duration::from_secs(61));
    assert!(refusal(list().await).is_unauthorized());
    drop(token);
}

#[tokio::test]
async fn a_known_secret_saves_the_read_before_a_rotation() {
    let world = World::new().await;
    let machine = world.clerk.machine("orders").create();
    let known = crate::admin::world::secret(machine.secret_key());
    let machines = world.admin.machines();
    let rotation = machines.rotate_secret_key(&machine_id(&machine), Duration::ZERO);
    rotation.previous(known).send().await.unwrap();
    assert_eq!(world.clerk.calls(Endpoint::Any), 1);
}

#[tokio::test]
async fn wrong_secrets_and_unknown_machines_are_told_apart() {
    let world = World::new().await;
    let missing = refusal(world.admin.machines().get(&unknown_machine()).await);
    assert!(missing.is_not_found() && missing.has_code("machine_not_found"));
    assert!(missing.trace_id.is_some());
    let stranger = AdminClient::builder()
        .api_url(world.clerk.api_url())
        .secret_key(SecretKey::new("sk_test_canary").unwrap())
        .build()
        .unwrap();
    let refused = refusal(stranger.machines().get(&unknown_machine()).await);
    assert!(refused.is_unauthorized() && refused.has_code("clerk_key_invalid"));
}
