//! Rule 8: the secret of the instance is replaced while the service runs, and nothing is lost.

use std::time::Duration;

use clerk_machine_auth::testing::{Credential, Endpoint, Fault, RecordedRequest};
use clerk_machine_auth::{
    AdminClient, Authenticator, AuthenticatorBuilder, InstanceSecret, MachineId, MachineSecret,
    SecretKey, TokenType,
};

use crate::authenticator::world::{World, reason};

fn key(text: &str) -> SecretKey {
    SecretKey::new(text).unwrap()
}

impl World {
    /// A handle on a secret of its own, which can be deleted at Clerk.
    fn handle(&self) -> (InstanceSecret, String) {
        let first = self.clerk.add_secret_key();
        (InstanceSecret::new(key(&first)), first)
    }

    fn with(&self, secret: &InstanceSecret) -> AuthenticatorBuilder {
        self.bare()
            .secret_key(secret.clone())
            .machine_id(self.me.id())
    }

    fn key(&self) -> String {
        let user = self.clerk.new_user_id();
        self.clerk.api_key(user).create().token().to_owned()
    }
}

/// Asks Clerk for something on each way that takes the secret of the instance.
async fn everything_works(world: &World, service: &Authenticator) {
    assert_eq!(reason(service, &world.key()).await, "ok");
    service.invalidate_all();
    assert_eq!(reason(service, &world.jwt(&world.caller)).await, "ok");
    let machines = service.admin().unwrap().machines();
    machines.list().page().await.unwrap();
}

#[tokio::test]
async fn rule_8_a_replaced_instance_secret_is_used_by_all_who_were_built_with_the_handle() {
    let world = World::new().await;
    let (secret, first) = world.handle();
    let service = world.with(&secret).build().unwrap();
    let admin = AdminClient::builder()
        .api_url(world.clerk.api_url())
        .secret_key(secret.clone())
        .build()
        .unwrap();
    let managed = MachineSecret::managed(admin.clone(), MachineId::new(world.me.id()).unwrap());
    let known = world.key();
    assert_eq!(reason(&service, &known).await, "ok");
    everything_works(&world, &service).await;

    secret.replace(key(&world.clerk.add_secret_key())).unwrap();
    world.clerk.revoke_secret_key(&first);
    world.clerk.reset_log();
    // Past the fresh time of the keys, so that they are fetched again.
    world.clerk.clock().advance(Duration::from_secs(331));
    everything_works(&world, &service).await;
    admin.machines().list().page().await.unwrap();
    managed.load().await.unwrap();
    let calls = world.clerk.requests();
    for endpoint in [
        Endpoint::VerifyApiKey,
        Endpoint::GetJwks,
        Endpoint::GetMachine,
        Endpoint::ListMachines,
        Endpoint::GetMachineSecret,
    ] {
        let mut asked = calls.iter().filter(|call| call.endpoint == endpoint);
        assert!(asked.clone().count() > 0, "{endpoint:?} was not asked");
        assert!(
            asked.all(|call| call.credential == Credential::InstanceSecret),
            "{endpoint:?} was asked with a secret that was deleted"
        );
    }
}

#[tokio::test]
async fn rule_8_nothing_is_forgotten_when_the_instance_secret_is_replaced() {
    let world = World::new().await;
    let (secret, first) = world.handle();
    let service = world.with(&secret).build().unwrap();
    let (known, jwt) = (world.key(), world.jwt(&world.caller));
    assert_eq!(reason(&service, &known).await, "ok");
    assert_eq!(reason(&service, &jwt).await, "ok");
    secret.replace(key(&world.clerk.add_secret_key())).unwrap();
    world.clerk.revoke_secret_key(&first);
    world.clerk.reset_log();
    assert_eq!(reason(&service, &known).await, "ok");
    assert_eq!(reason(&service, &jwt).await, "ok");
    assert_eq!(world.calls(Endpoint::Any), 0);
}

#[tokio::test]
async fn rule_8_an_instance_secret_that_is_replaced_too_early_costs_no_request() {
    let world = World::new().await;
    let (secret, first) = world.handle();
    let service = world.with(&secret).build().unwrap();
    secret
        .replace(key("sk_test_that_is_not_yet_valid"))
        .unwrap();
    everything_works(&world, &service).await;
    // The first call was refused and sent again; from then on the one that works goes first.
    let refused = |world: &World| {
        let calls = world.clerk.requests();
        let statuses = calls.iter().filter_map(|call| call.response.as_ref());
        statuses.filter(|answer| answer.status == 401).count()
    };
    assert_eq!(refused(&world), 1);
    // The other way: the previous one is deleted once the current one is valid.
    let second = world.clerk.add_secret_key();
    secret.replace(key(&second)).unwrap();
    secret.replace(key(&first)).unwrap();
    world.clerk.revoke_secret_key(&first);
    world.clerk.reset_log();
    everything_works(&world, &service).await;
    assert_eq!(refused(&world), 1);
}

#[tokio::test]
async fn rule_8_each_way_to_clerk_tries_the_other_instance_secret() {
    for way in ["an API key", "a JWT", "the admin client"] {
        let world = World::new().await;
        let (secret, _) = world.handle();
        let service = world.with(&secret).build().unwrap();
        let token = world.jwt(&world.caller);
        let replaced = secret.replace(key("sk_test_that_is_not_yet_valid"));
        replaced.unwrap();
        match way {
            "an API key" => assert_eq!(reason(&service, &world.key()).await, "ok"),
            "a JWT" => assert_eq!(reason(&service, &token).await, "ok"),
            _ => drop(service.admin().unwrap().jwks().get().await.unwrap()),
        }
        let calls = world.clerk.requests();
        let refused = |call: &&RecordedRequest| call.credential == Credential::Unknown;
        assert_eq!(calls.iter().filter(refused).count(), 1, "{way}");
        assert_eq!(calls[0].endpoint, calls[1].endpoint, "{way}");
    }
}

#[tokio::test]
async fn rule_8_two_refused_instance_secrets_are_tried_once_each() {
    let world = World::new().await;
    let (secret, _) = world.handle();
    let service = world.with(&secret).accept([TokenType::ApiKey]);
    let service = service.build().unwrap();
    secret.replace(key(&world.clerk.add_secret_key())).unwrap();
    let fault = world.clerk.fault(Endpoint::Any, Fault::status(401));
    fault.always();
    assert_eq!(reason(&service, &world.key()).await, "credentials");
    assert_eq!(world.calls(Endpoint::VerifyApiKey), 2);
    let admin = service.admin().unwrap();
    assert!(
        admin
            .machines()
            .list()
            .page()
            .await
            .unwrap_err()
            .is_unauthorized()
    );
    assert_eq!(world.calls(Endpoint::ListMachines), 2);
}

#[tokio::test]
async fn rule_5_both_instance_secrets_are_refused_as_bearer_without_a_call() {
    let world = World::new().await;
    let (secret, first) = world.handle();
    let service = world.with(&secret).build().unwrap();
    let second = world.clerk.add_secret_key();
    secret.replace(key(&second)).unwrap();
    for own in [first, second] {
        assert_eq!(reason(&service, &own).await, "unknown_class");
    }
    assert_eq!(world.calls(Endpoint::Any), 0);
}
