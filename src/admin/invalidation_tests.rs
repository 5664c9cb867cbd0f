//! What is invalidated, and when.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::client::{AdminClient, AdminParts};
use crate::backend::AdminError;
use crate::id::{ApiKeyId, M2mTokenId, MachineId};
use crate::invalidate::Invalidate;
use crate::secret::SecretKey;
use crate::testing::{ClerkEmulator, Endpoint, Fault};

#[derive(Debug, Default)]
struct Forgotten(Mutex<Vec<String>>);

impl Invalidate for Forgotten {
    fn invalidate_id(&self, id: &str) {
        self.0.lock().unwrap().push(format!("id {id}"));
    }

    fn invalidate_subject(&self, subject: &str) {
        self.0.lock().unwrap().push(format!("subject {subject}"));
    }
}

impl Forgotten {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct World {
    clerk: ClerkEmulator,
    client: AdminClient,
    forgotten: Arc<Forgotten>,
    from: MachineId,
    to: MachineId,
}

async fn world() -> World {
    let clerk = ClerkEmulator::start().await;
    let client = AdminClient::builder()
        .api_url(clerk.api_url())
        .secret_key(SecretKey::new(clerk.secret_key()).unwrap())
        .build()
        .unwrap();
    let forgotten = Arc::new(Forgotten::default());
    let invalidate: Arc<dyn Invalidate> = Arc::<Forgotten>::clone(&forgotten);
    let client = AdminClient::from_parts(AdminParts {
        invalidate: Some(invalidate),
        ..AdminParts::clone(&client.parts)
    });
    let [from, to] = ["a", "b"].map(|name| MachineId::new(clerk.machine(name).create()).unwrap());
    World {
        clerk,
        client,
        forgotten,
        from,
        to,
    }
}

impl World {
    fn token(&self) -> M2mTokenId {
        M2mTokenId::new(self.clerk.m2m_token(&self.from).create().id()).unwrap()
    }

    fn key(&self) -> ApiKeyId {
        let key = self.clerk.api_key(self.clerk.new_user_id()).create();
        ApiKeyId::new(key.id()).unwrap()
    }

    async fn revoke(&self, id: &M2mTokenId) -> Result<(), AdminError> {
        self.client.m2m_tokens().revoke(id).send().await.map(drop)
    }
}

#[tokio::test]
async fn rule_4_success_evicts_exactly_what_it_made_wrong() {
    let world = world().await;
    let (machines, keys) = (world.client.machines(), world.client.api_keys());
    let (token, key, from) = (world.token(), world.key(), &world.from);
    let of_key = format!("id {key}");
    let of_machine = format!("subject {from}");

    world.revoke(&token).await.unwrap();
    assert_eq!(world.forgotten.take(), [format!("id {token}")]);
    keys.update(&key).scopes(["a"]).send().await.unwrap();
    assert_eq!(world.forgotten.take(), [of_key.as_str()]);
    keys.revoke(&key).send().await.unwrap();
    assert_eq!(world.forgotten.take(), [of_key.as_str()]);
    keys.delete(&key).await.unwrap();
    assert_eq!(world.forgotten.take(), [of_key.as_str()]);
    machines.create_scope(from, &world.to).await.unwrap();
    assert_eq!(world.forgotten.take(), [of_machine.as_str()]);
    machines.delete_scope(from, &world.to).await.unwrap();
    assert_eq!(world.forgotten.take(), [of_machine.as_str()]);
    machines.delete(from).await.unwrap();
    assert_eq!(world.forgotten.take(), [of_machine.as_str()]);

    machines.create("c").send().await.unwrap();
    machines.update(&world.to).name("d").send().await.unwrap();
    machines.list().page().await.unwrap();
    let rotation = machines.rotate_secret_key(&world.to, Duration::from_secs(60));
    rotation.send().await.unwrap();
    assert!(world.forgotten.take().is_empty());
}

#[tokio::test]
async fn rule_4_an_unknown_outcome_evicts_and_a_refusal_does_not() {
    let world = world().await;
    let unknown = [
        Fault::drop_after_applying(),
        Fault::drop_connection(),
        Fault::status(500),
        Fault::status(503),
        Fault::status(404),
        Fault::altered().body("<html>"),
    ];
    for (evicts, faults) in [
        (true, &unknown[..]),
        (
            false,
            &[400, 401, 403, 409, 422, 429].map(Fault::status)[..],
        ),
    ] {
        for fault in faults {
            let token = world.token();
            let plan = world.clerk.fault(Endpoint::RevokeM2mToken, fault.clone());
            plan.once();
            assert!(world.revoke(&token).await.is_err(), "{fault:?}");
            assert_eq!(!world.forgotten.take().is_empty(), evicts, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn rule_4_a_caller_who_goes_away_evicts_too() {
    let world = world().await;
    let token = world.token();
    world
        .clerk
        .fault(Endpoint::RevokeM2mToken, Fault::hang())
        .once();
    let gone = tokio::time::timeout(Duration::from_millis(200), world.revoke(&token)).await;
    assert!(gone.is_err());
    assert_eq!(world.forgotten.take(), [format!("id {token}")]);
}
