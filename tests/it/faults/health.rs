//! What `health()` says where something is wrong, and whether a replica is ready.

use clerk_machine_auth::testing::{Endpoint, Fault};
use clerk_machine_auth::{
    AdminClient, Authenticator, MachineId, MachineSecret, MachineSecretKey, TokenType,
    health::UpstreamProblem,
};
use serde_json::json;

use crate::faults::world::{SECOND, World, status};
use crate::support::log;

const SECRET_KEY: &str = "secret_key (CLERK_SECRET_KEY)";
const MACHINE_SECRET_KEY: &str = "machine_secret_key (CLERK_MACHINE_SECRET_KEY)";

fn machine_key(text: &str) -> MachineSecretKey {
    MachineSecretKey::new(text).unwrap()
}

/// What is wrong now, what was wrong last, and the setting that is to blame.
fn said(
    service: &Authenticator,
) -> (
    Option<UpstreamProblem>,
    Option<UpstreamProblem>,
    Option<&'static str>,
) {
    let health = service.health();
    let last = health.last_error;
    let setting = last.and_then(|error| error.setting);
    (health.problem, last.map(|error| error.problem), setting)
}

impl World {
    /// A service whose secret key Clerk does not know.
    fn with_wrong_secret(&self) -> Authenticator {
        let builder = Authenticator::builder().api_url(self.clerk.api_url());
        let builder = builder.secret_key("sk_test_wrong").machine_id(self.me.id());
        let builder = builder.clock(self.clerk.clock().clone());
        builder.build().unwrap()
    }

    fn managed(&self, secret_key: &str) -> MachineSecret {
        let admin = AdminClient::builder().api_url(self.clerk.api_url());
        let admin = admin
            .secret_key(secret_key)
            .clock(self.clerk.clock().clone());
        let id = MachineId::new(self.me.id()).unwrap();
        MachineSecret::managed(admin.build().unwrap(), id)
    }

    /// A service that verifies opaque M2M tokens only.
    fn of_machine(&self, secret: impl Into<MachineSecret>) -> Authenticator {
        let builder = Authenticator::builder().api_url(self.clerk.api_url());
        let builder = builder.clock(self.clerk.clock().clone());
        builder.machine_secret(secret).build().unwrap()
    }
}

#[tokio::test]
async fn failed_fetches_of_keys_are_the_trouble_and_the_last_error() {
    let table = [
        (
            Fault::status(401),
            UpstreamProblem::Credentials,
            Some(SECRET_KEY),
        ),
        (
            Fault::status(403),
            UpstreamProblem::Credentials,
            Some(SECRET_KEY),
        ),
        (Fault::status(500), UpstreamProblem::Failing, None),
        (Fault::drop_connection(), UpstreamProblem::Failing, None),
        (Fault::status(429), UpstreamProblem::RateLimited, None),
        (
            Fault::status(200).body("{}"),
            UpstreamProblem::Unreadable,
            None,
        ),
        (
            Fault::status(404).body("<html>"),
            UpstreamProblem::Unreadable,
            Some("api_url (CLERK_API_URL)"),
        ),
    ];
    for (fault, trouble, setting) in table {
        let world = World::new().await;
        let service = world.service();
        assert_eq!(said(&service), (None, None, None));
        let shown = format!("{fault:?}");
        world.clerk.fault(Endpoint::GetJwks, fault).always();
        assert_eq!(status(&service, &world.jwt()).await, 503, "{shown}");
        let bad = (Some(trouble), Some(trouble), setting);
        assert_eq!(said(&service), bad, "{shown}: before the first success");
        // A call that works says nothing about the keys.
        assert_eq!(status(&service, &world.key()).await, 200);
        assert_eq!(said(&service), bad, "{shown}");
        world.clerk.clear_faults();
        world.pass(SECOND * 2);
        assert_eq!(status(&service, &world.jwt()).await, 200, "{shown}");
        assert_eq!(said(&service), (None, Some(trouble), setting), "{shown}");
    }
}

#[tokio::test]
async fn a_public_key_set_that_is_not_there_names_the_publishable_key() {
    let world = World::new().await;
    let builder = Authenticator::builder().publishable_key(world.clerk.publishable_key());
    let builder = builder.accept([TokenType::OAuth]);
    let service = builder.build().unwrap();
    let fault = world.clerk.fault(Endpoint::PublicJwks, Fault::status(404));
    fault.always();
    assert!(service.warm_up().await.is_err());
    let setting = Some("publishable_key (CLERK_PUBLISHABLE_KEY)");
    let unreadable = Some(UpstreamProblem::Unreadable);
    assert_eq!(said(&service), (unreadable, unreadable, setting));
}

#[tokio::test]
async fn a_refused_secret_key_is_named_in_the_log_of_the_key_fetch() {
    log::listen();
    let world = World::new().await;
    assert!(world.with_wrong_secret().warm_up().await.is_err());
    let logged = log::logged();
    let mut lines = logged.lines();
    let line = lines.find(|line| line.contains("the keys could not be fetched"));
    assert!(line.unwrap().contains(SECRET_KEY), "{logged}");
}

#[tokio::test]
async fn a_refused_secret_names_its_setting() {
    let world = World::new().await;
    let service = world.with_wrong_secret();
    let refused = Some(UpstreamProblem::Credentials);
    assert_eq!(status(&service, &world.key()).await, 503);
    assert_eq!(said(&service), (refused, refused, Some(SECRET_KEY)));
    let service = world.of_machine(machine_key("ak_wrong"));
    let token = world.clerk.m2m_token(&world.caller).create();
    assert_eq!(status(&service, token.token()).await, 503);
    assert_eq!(said(&service), (refused, refused, Some(MACHINE_SECRET_KEY)));
}

#[tokio::test]
async fn failed_fetches_of_the_machine_secret_are_the_trouble_and_the_last_error() {
    let world = World::new().await;
    let secret = world.managed(world.clerk.secret_key());
    let service = world.of_machine(secret.clone());
    let fault = world
        .clerk
        .fault(Endpoint::GetMachineSecret, Fault::status(500));
    fault.always();
    // By whomever it is loaded.
    assert!(secret.load().await.is_err());
    let failing = Some(UpstreamProblem::Failing);
    assert_eq!(said(&service), (failing, failing, None));
    world.clerk.clear_faults();
    world.pass(SECOND * 2);
    secret.load().await.unwrap();
    assert_eq!(said(&service), (None, failing, None));

    let secret = world.managed("sk_test_wrong");
    let service = world.of_machine(secret);
    assert!(service.warm_up().await.is_err());
    let refused = Some(UpstreamProblem::Credentials);
    assert_eq!(said(&service), (refused, refused, Some(SECRET_KEY)));
}

#[tokio::test]
async fn warm_up_reports_a_machine_secret_that_clerk_refuses() {
    let world = World::new().await;
    let service = world.of_machine(machine_key("ak_wrong"));
    let error = service.warm_up().await.unwrap_err();
    assert_eq!(error.reason(), "credentials");
    let refused = Some(UpstreamProblem::Credentials);
    assert_eq!(said(&service), (refused, refused, Some(MACHINE_SECRET_KEY)));
    let service = world.of_machine(machine_key(world.me.secret_key()));
    service.warm_up().await.unwrap();
    assert_eq!(said(&service), (None, None, None));
    // With both secrets and one of them wrong, the keys are fetched all the same.
    let builder = world.builder().machine_secret_key("ak_wrong");
    let service = builder.build().unwrap();
    assert!(service.warm_up().await.is_err() && service.health().keys_ready);
}

#[tokio::test]
async fn a_replica_is_ready_until_it_can_verify_nothing_of_a_kind() {
    let world = World::new().await;
    let service = world.service();
    assert!(service.health().is_ready(), "nothing was tried yet");
    let fault = world.clerk.fault(Endpoint::GetJwks, Fault::status(500));
    fault.always();
    assert_eq!(status(&service, &world.jwt()).await, 503);
    assert!(!service.health().is_ready(), "there never were keys");
    world.clerk.clear_faults();
    // Nobody sends a request to a replica that is not ready: the look itself begins the next try.
    world.pass(SECOND * 2);
    assert!(!service.health().is_ready());
    while service.health().in_flight > 0 {
        tokio::time::sleep(SECOND / 100).await;
    }
    assert!(service.health().is_ready());
    assert_eq!(world.fetched(), 2);

    let known = world.key();
    assert_eq!(status(&service, &known).await, 200);
    world
        .clerk
        .fault(Endpoint::Any, Fault::status(500))
        .always();
    for _ in 0..10 {
        assert_eq!(status(&service, &world.key()).await, 503);
    }
    assert!(service.health().problem.is_some());
    assert!(service.health().is_ready(), "known tokens are served");
    assert_eq!(status(&service, &known).await, 200);
    // Old keys serve for an hour; an idle service that has not tried to renew them is ready too.
    world.pass(SECOND * 1_800);
    assert!(service.health().is_ready());
    assert_eq!(status(&service, &world.jwt()).await, 503, "the registry");
    while service.health().in_flight > 0 {
        tokio::time::sleep(SECOND / 100).await;
    }
    assert!(service.health().is_ready() && service.health().keys_ready);
    world.pass(SECOND * 1_801);
    assert_eq!(status(&service, &world.jwt()).await, 503);
    assert!(
        !service.health().is_ready(),
        "keys of more than an hour ago"
    );
}

#[tokio::test]
async fn a_replica_without_its_machine_secret_is_not_ready_and_comes_back_by_itself() {
    let world = World::new().await;
    let service = world.of_machine(world.managed(world.clerk.secret_key()));
    let fault = world
        .clerk
        .fault(Endpoint::GetMachineSecret, Fault::status(500));
    fault.always();
    assert!(service.health().is_ready(), "nothing was tried yet");
    assert!(service.warm_up().await.is_err());
    assert!(!service.health().is_ready());
    world.clerk.clear_faults();
    world.pass(SECOND * 2);
    let loaded = || world.clerk.calls(Endpoint::GetMachineSecret);
    let before = loaded();
    for _ in 0..200 {
        if service.health().is_ready() {
            break;
        }
        tokio::time::sleep(SECOND / 100).await;
    }
    assert!(service.health().is_ready());
    assert_eq!(loaded(), before + 1);
}

#[test]
fn a_configured_key_is_always_ready() {
    let pem = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnrq0/IzW7yWR7QkrmBL7jTKEn5u+qKhbwKfBstIs+bMY2Zkp18gnTxKLxoS2tFczGkPLPgizskuemMghRniWaoLcyehkd3qqGElvW/VDL5AaWTg0nLVkjRo9z+40RQzuVaE8AkAFmxZzow3x+VJYKdjykkJ0iT9wCS0DRTXu269V264Vf/3jvredZiKRkgwlL9xNAwxXFg0x/XFw005UWVRIkdgcKWTjpBP2dPwVZ4WWC+9aGVd+Gyn1o0CLelf4rEjGoXbAAEgAqeGUxrcIlbjXfbcmwIDAQAB";
    let builder = Authenticator::builder().jwt_key(pem).any_sender();
    let health = builder.build().unwrap().health();
    assert!(health.is_ready() && health.keys_ready);
}

/// As `expiration` of an identity is.
#[tokio::test]
async fn times_of_health_are_milliseconds_since_the_epoch() {
    let world = World::new().await;
    let service = world.service();
    world.clerk.clock().set_wall(SECOND * 1_795_528_488);
    let fault = world
        .clerk
        .fault(Endpoint::VerifyApiKey, Fault::status(401));
    fault.always();
    assert_eq!(status(&service, &world.key()).await, 503);
    let health = serde_json::to_value(service.health()).unwrap();
    let expected = json!({
        "problem": "credentials", "setting": SECRET_KEY, "at": 1_795_528_488_000_u64,
    });
    assert_eq!(health["lastError"], expected);
    assert_eq!(health["ready"], true);
}
