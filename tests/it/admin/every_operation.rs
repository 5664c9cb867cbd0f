//! What holds for every operation: each documented error, retries of reads and never of writes.

use std::time::{Duration, Instant};

use clerk_machine_auth::testing::{Endpoint, Fault};
use clerk_machine_auth::{AdminClient, AdminError, AdminErrorKind, MachineId, SecretKey};
use futures_util::future::BoxFuture;

use crate::admin::world::{World, machine_id, secret, unknown_key, unknown_token};

/// One operation: where it arrives, whether it may be sent again, what the document lists.
struct Operation {
    endpoint: Endpoint,
    safe: bool,
    documented: &'static [u16],
    call: for<'a> fn(&'a Fixture) -> BoxFuture<'a, Result<(), AdminError>>,
}

struct Fixture {
    world: World,
    client: AdminClient,
    machine: MachineId,
    user: String,
}

impl Fixture {
    async fn new() -> Self {
        let world = World::new().await;
        let machine = world.clerk.machine("orders").create();
        let client = AdminClient::builder()
            .api_url(world.clerk.api_url())
            .secret_key(SecretKey::new(world.clerk.secret_key()).unwrap())
            .machine_secret(secret(machine.secret_key()))
            .build()
            .unwrap();
        let (machine, user) = (machine_id(&machine), world.clerk.new_user_id());
        Self {
            world,
            client,
            machine,
            user,
        }
    }
}

macro_rules! operation {
    ($endpoint:ident, $safe:expr, $documented:expr, |$f:ident| $call:expr) => {
        Operation {
            endpoint: Endpoint::$endpoint,
            safe: $safe,
            documented: &$documented,
            call: |$f| Box::pin(async move { $call.await.map(drop) }),
        }
    };
}

const READ: bool = true;
const WRITE: bool = false;
const TTL: Duration = Duration::from_secs(60);

#[rustfmt::skip]
fn operations() -> Vec<Operation> {
    vec![
        operation!(GetJwks, READ, [], |f| f.client.jwks().get()),
        operation!(ListMachines, READ, [400, 401, 403, 422], |f| f.client.machines().list().page()),
        operation!(CreateMachine, WRITE, [400, 401, 403, 422], |f| f.client.machines().create("new").send()),
        operation!(GetMachine, READ, [400, 401, 403, 404, 422], |f| f.client.machines().get(&f.machine)),
        operation!(UpdateMachine, WRITE, [400, 401, 403, 404, 422], |f| f.client.machines().update(&f.machine).name("n").send()),
        operation!(DeleteMachine, WRITE, [400, 401, 403, 404, 422], |f| f.client.machines().delete(&f.machine)),
        operation!(GetMachineSecret, READ, [400, 401, 403, 404], |f| f.client.machines().get_secret_key(&f.machine)),
        operation!(RotateMachineSecret, WRITE, [400, 401, 403, 404, 422], |f| f.client.machines().rotate_secret_key(&f.machine, TTL).send()),
        operation!(CreateScope, WRITE, [400, 401, 403, 404, 409, 422], |f| f.client.machines().create_scope(&f.machine, &f.machine)),
        operation!(DeleteScope, WRITE, [400, 401, 403, 404, 422], |f| f.client.machines().delete_scope(&f.machine, &f.machine)),
        operation!(CreateM2mToken, WRITE, [400, 401, 409], |f| f.client.m2m_tokens().create().send()),
        operation!(ListM2mTokens, READ, [400, 401, 403, 404], |f| f.client.m2m_tokens().list(&f.machine).page()),
        operation!(RevokeM2mToken, WRITE, [400, 401, 404], |f| f.client.m2m_tokens().revoke(&unknown_token()).send()),
        operation!(VerifyM2mToken, READ, [400, 401, 404], |f| f.client.m2m_tokens().verify("mt_a").send()),
        operation!(CreateApiKey, WRITE, [400, 401, 409], |f| f.client.api_keys().create("name", &f.user).send()),
        operation!(ListApiKeys, READ, [400, 401, 404], |f| f.client.api_keys().list(&f.user).page()),
        operation!(GetApiKey, READ, [400, 401, 404], |f| f.client.api_keys().get(&unknown_key())),
        operation!(UpdateApiKey, WRITE, [400, 401, 404], |f| f.client.api_keys().update(&unknown_key()).scopes(["a"]).send()),
        operation!(DeleteApiKey, WRITE, [400, 401, 404], |f| f.client.api_keys().delete(&unknown_key())),
        operation!(GetApiKeySecret, READ, [400, 401, 404], |f| f.client.api_keys().get_secret(&unknown_key())),
        operation!(RevokeApiKey, WRITE, [400, 401, 404], |f| f.client.api_keys().revoke(&unknown_key()).send()),
        operation!(VerifyApiKey, READ, [400, 401, 404], |f| f.client.api_keys().verify("ak_a")),
        operation!(VerifyOAuthToken, READ, [400, 401, 404], |f| f.client.oauth_access_tokens().verify("oat_a")),
    ]
}

#[tokio::test]
async fn each_documented_error_arrives_with_its_status_code_and_trace() {
    let fixture = Fixture::new().await;
    for operation in operations() {
        for status in operation.documented {
            let clerk = &fixture.world.clerk;
            clerk
                .fault(operation.endpoint, Fault::status(*status))
                .once();
            clerk.reset_log();
            let error = (operation.call)(&fixture).await.unwrap_err();
            let api = error.api().unwrap();
            assert_eq!(api.status.as_u16(), *status, "{:?}", operation.endpoint);
            assert!(!api.errors[0].code.is_empty() && api.trace_id.is_some());
            assert_eq!(
                clerk.calls(operation.endpoint),
                1,
                "{:?} {status}",
                operation.endpoint
            );
            assert!(!error.is_outcome_unknown());
        }
    }
}

#[tokio::test]
async fn rule_2_a_failing_clerk_is_asked_again_for_reads_only() {
    let fixture = Fixture::new().await;
    let faults = [
        Fault::status(503),
        Fault::status(502),
        Fault::drop_connection(),
    ];
    for operation in operations() {
        for fault in &faults {
            let clerk = &fixture.world.clerk;
            clerk
                .fault(operation.endpoint, fault.clone().header("retry-after", "0"))
                .once();
            clerk.reset_log();
            let outcome = (operation.call)(&fixture).await;
            let expected = if operation.safe { 2 } else { 1 };
            assert_eq!(
                clerk.calls(operation.endpoint),
                expected,
                "{:?}",
                operation.endpoint
            );
            let answered = match &outcome {
                Ok(()) => true,
                Err(error) => !error.is_outcome_unknown(),
            };
            assert_eq!(
                answered, operation.safe,
                "{:?}: {outcome:?}",
                operation.endpoint
            );
        }
    }
}

#[tokio::test]
async fn rule_2_a_read_gives_up_after_its_tries_and_within_its_deadline() {
    let world = World::new().await;
    world
        .clerk
        .fault(
            Endpoint::ListMachines,
            Fault::status(503).header("retry-after", "0"),
        )
        .always();
    let error = world.admin.machines().list().page().await.unwrap_err();
    assert!(error.is_outcome_unknown() && error.api().unwrap().is_server_error());
    assert_eq!(world.clerk.calls(Endpoint::ListMachines), 4);

    world.clerk.clear_faults();
    world
        .clerk
        .fault(Endpoint::ListMachines, Fault::hang())
        .always();
    let hasty = AdminClient::builder()
        .api_url(world.clerk.api_url())
        .secret_key(SecretKey::new(world.clerk.secret_key()).unwrap())
        .timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    let started = Instant::now();
    let error = hasty.machines().list().page().await.unwrap_err();
    assert_eq!(error.kind(), AdminErrorKind::Transport);
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn timeouts_have_bounds() {
    for time in [Duration::ZERO, Duration::MAX] {
        for (name, builder) in [
            ("timeout", AdminClient::builder().timeout(time)),
            (
                "connect_timeout",
                AdminClient::builder().connect_timeout(time),
            ),
        ] {
            let error = builder.build().unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}

#[tokio::test]
async fn rule_2_retry_after_is_honoured_where_the_deadline_allows() {
    let world = World::new().await;
    let limited = |seconds: &str| Fault::status(429).header("retry-after", seconds);
    world
        .clerk
        .fault(Endpoint::ListMachines, limited("1"))
        .once();
    let started = Instant::now();
    world.admin.machines().list().page().await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));

    world
        .clerk
        .fault(Endpoint::ListMachines, limited("3600"))
        .once();
    let error = world.admin.machines().list().page().await.unwrap_err();
    assert!(error.is_rate_limited());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    // A write is not sent again, however short the wait.
    world
        .clerk
        .fault(Endpoint::CreateMachine, limited("0"))
        .once();
    assert!(
        world
            .admin
            .machines()
            .create("a")
            .send()
            .await
            .unwrap_err()
            .is_rate_limited()
    );
    assert_eq!(world.clerk.calls(Endpoint::CreateMachine), 1);
}

#[tokio::test]
async fn an_answer_of_another_form_is_an_error_that_names_its_class() {
    let fixture = Fixture::new().await;
    for operation in operations() {
        let clerk = &fixture.world.clerk;
        for body in [
            "",
            "<html>",
            "[1]",
            r#"{"id":7,"data":"x","secret":1,"keys":1}"#,
        ] {
            // A deletion's answer says nothing, as long as it is an object.
            let deletion = matches!(
                operation.endpoint,
                Endpoint::DeleteMachine | Endpoint::DeleteApiKey | Endpoint::DeleteScope
            );
            let skipped = deletion && body.starts_with('{');
            // A lost rotation is read back.
            if skipped || operation.endpoint == Endpoint::RotateMachineSecret {
                continue;
            }
            let fault = Fault::status(200).header("content-type", "application/json");
            clerk.fault(operation.endpoint, fault.body(body)).once();
            let error = (operation.call)(&fixture).await.unwrap_err();
            assert_eq!(
                error.kind(),
                AdminErrorKind::Decode,
                "{:?} {body:?}",
                operation.endpoint
            );
        }
    }
}

#[tokio::test]
async fn a_clerk_that_is_away_is_a_transport_error_without_effect() {
    let fixture = Fixture::new().await;
    fixture.world.clerk.stop_listening().await;
    let operations = operations();
    let outcomes = operations
        .iter()
        .map(|operation| (operation.call)(&fixture));
    let outcomes = futures_util::future::join_all(outcomes).await;
    for (operation, outcome) in operations.iter().zip(outcomes) {
        let error = outcome.unwrap_err();
        assert_eq!(
            error.kind(),
            AdminErrorKind::Transport,
            "{:?}",
            operation.endpoint
        );
        assert!(!error.is_outcome_unknown());
    }
}
