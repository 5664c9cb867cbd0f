//! What one replica learns, all know.

use clerk_machine_auth::testing::{Endpoint, StoreFault};
use clerk_machine_auth::{ApiKeyId, Authenticator, MachineId, Revocation};

use super::world::{MILLI, SECOND, World, fleet, together, until};

async fn all_know(replicas: &[Authenticator], token: &str) {
    for replica in replicas {
        assert!(replica.verify(token).await.is_ok());
    }
}

/// Waits until no replica accepts the token; it takes less than a second, or this does not end.
async fn all_refuse(replicas: &[Authenticator], token: &str) {
    let began = std::time::Instant::now();
    for replica in replicas {
        while replica.verify(token).await.is_ok() {
            assert!(began.elapsed() < SECOND * 30, "it is accepted for ever");
            tokio::time::sleep(MILLI * 5).await;
        }
    }
}

#[tokio::test]
async fn rule_22_a_key_that_one_replica_revokes_is_refused_by_all() {
    let world = World::new().await;
    let key = world.clerk.api_key("user_1").create();
    let replicas = world.replicas::<3>().await;
    all_know(&replicas, key.token()).await;
    let id = ApiKeyId::new(key.id()).unwrap();
    let admin = replicas[0].admin().unwrap();
    admin.api_keys().revoke(&id).send().await.unwrap();
    all_refuse(&replicas, key.token()).await;
    assert_eq!(world.calls(), 2, "one found out for all");
}

#[tokio::test]
async fn rule_22_invalidations_by_token_id_subject_and_of_all_cross() {
    let world = World::new().await;
    let replicas = world.replicas::<2>().await;
    let [one, two] = &replicas;
    for (n, invalidate) in [
        (|clerk, _, _, token| Authenticator::invalidate_token(clerk, token))
            as fn(&Authenticator, &str, &str, &str),
        |clerk, id, _, _| clerk.invalidate_id(id),
        |clerk, _, subject, _| clerk.invalidate_subject(subject),
        |clerk, _, _, _| clerk.invalidate_all(),
    ]
    .into_iter()
    .enumerate()
    {
        let subject = format!("user_{n}");
        let key = world.clerk.api_key(&subject).create();
        all_know(&replicas, key.token()).await;
        world.clerk.revoke(key.id());
        assert!(two.verify(key.token()).await.is_ok(), "it is remembered");
        invalidate(one, key.id(), &subject, key.token());
        all_refuse(&replicas, key.token()).await;
    }
}

#[tokio::test]
async fn rule_22_a_no_that_one_replica_learns_of_reaches_all() {
    let world = World::new().await;
    let key = world.clerk.api_key("user_1").create();
    let clock = world.clerk.clock().clone();
    clock.freeze();
    let replicas = world.replicas::<3>().await;
    all_know(&replicas, key.token()).await;
    world.clerk.revoke(key.id());
    // The first to ask again is the only one that asks.
    clock.advance(SECOND * 58);
    for replica in &replicas {
        together(replica).await;
    }
    let _due = replicas[0].verify(key.token()).await;
    all_refuse(&replicas, key.token()).await;
    assert_eq!(world.calls(), 2);
}

#[tokio::test]
async fn rule_22_revocations_are_one_list_also_for_a_replica_that_starts_later() {
    let world = World::new().await;
    let replicas = world.replicas::<2>().await;
    let jwt = world.clerk.m2m_jwt(&world.caller).create();
    all_know(&replicas, jwt.token()).await;
    let list = replicas[0].revocations();
    list.refuse_subject(world.caller.id()).unwrap();
    all_refuse(&replicas, jwt.token()).await;
    let late = world.builder().build().unwrap();
    together(&late).await;
    assert!(late.verify(jwt.token()).await.is_err());
    // Another one takes it back.
    assert!(late.revocations().remove(world.caller.id()));
    let began = std::time::Instant::now();
    for replica in &replicas {
        while replica.verify(jwt.token()).await.is_err() {
            assert!(began.elapsed() < SECOND * 30);
            tokio::time::sleep(MILLI * 5).await;
        }
    }
}

#[tokio::test]
async fn rule_22_a_scope_that_is_removed_ends_the_jwts_of_the_sender_everywhere() {
    let world = World::new().await;
    let replicas = world.replicas::<2>().await;
    let jwt = world.clerk.m2m_jwt(&world.caller).create();
    all_know(&replicas, jwt.token()).await;
    let machines = replicas[1].admin().unwrap().machines();
    let id = |machine: &str| MachineId::new(machine).unwrap();
    machines
        .delete_scope(&id(world.caller.id()), &id(world.me.id()))
        .await
        .unwrap();
    all_refuse(&replicas, jwt.token()).await;
    assert!(world.clerk.calls(Endpoint::GetMachine) >= 2);
}

/// The one that reads has an answer from before; while it stands still the token is revoked and the
/// answer is asked for anew. What it then writes must not count for anybody.
#[tokio::test]
async fn rule_22_a_slow_reader_does_not_write_a_revoked_credential_back() {
    use clerk_machine_auth::testing::Fault;
    let world = World::new().await;
    let key = world.clerk.api_key("user_1").create();
    let [slow, one, two] = world.replicas().await;
    // Clerk has decided by then, and its answer takes a while.
    world
        .clerk
        .fault(Endpoint::VerifyApiKey, Fault::slow_body(128, MILLI * 250))
        .once();
    let token = key.token().to_owned();
    let reading = tokio::spawn(async move { (slow.verify(&token).await, slow) });
    until(|| world.calls() == 1).await;
    world.clerk.revoke(key.id());
    one.invalidate_id(key.id());
    let (_, slow) = reading.await.unwrap();
    tokio::time::sleep(MILLI * 50).await;
    for replica in [&one, &two, &slow] {
        assert!(replica.verify(key.token()).await.is_err());
    }
}

#[tokio::test]
async fn rule_22_a_replica_that_was_cut_off_learns_what_it_missed_when_it_is_back() {
    let world = World::new().await;
    let replicas = world.replicas::<2>().await;
    let keys: Vec<_> = (0..20)
        .map(|n| world.clerk.api_key(format!("user_{n}")).create())
        .collect();
    for key in &keys {
        all_know(&replicas, key.token()).await;
    }
    world.memory.fail(StoreFault::Down);
    let list = replicas[0].revocations();
    for (n, key) in keys.iter().enumerate() {
        list.add(Revocation::token(key.id())).unwrap();
        replicas[0].invalidate_subject(&format!("user_{n}"));
    }
    until(|| {
        replicas
            .iter()
            .all(|it| fleet(it).unsent > 0 || fleet(it).revocations == 0)
    })
    .await;
    assert!(replicas[1].verify(keys[0].token()).await.is_ok());
    world.memory.fail(StoreFault::None);
    together(&replicas[1]).await;
    for key in &keys {
        all_refuse(&replicas, key.token()).await;
    }
    assert_eq!(fleet(&replicas[1]).revocations, 20);
    assert_eq!(fleet(&replicas[1]).gaps, 0, "the log was read on");
}
