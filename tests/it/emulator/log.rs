//! The log, the counters, and what they must not show.

use clerk_machine_auth::testing::{ClerkEmulator, Credential, Endpoint, Fault};
use serde_json::json;

use crate::emulator::harness::Harness;

#[tokio::test]
async fn calls_are_counted_by_endpoint_with_and_without_v1() {
    let h = Harness::start().await;
    h.get("/v1/machines").await.ok();
    h.get("/machines").await.ok();
    h.get("/v1/jwks").await.ok();
    h.get("/nowhere").await.refused(404, "resource_not_found");
    assert_eq!(h.clerk.calls(Endpoint::ListMachines), 2);
    assert_eq!(h.clerk.calls(Endpoint::GetJwks), 1);
    assert_eq!(h.clerk.calls(Endpoint::Unknown), 1);
    assert_eq!(h.clerk.calls(Endpoint::VerifyApiKey), 0);
    assert_eq!(h.clerk.calls(Endpoint::Any), 4);
    h.clerk.reset_log();
    assert_eq!(h.clerk.calls(Endpoint::Any), 0);
    assert!(h.clerk.requests().is_empty());
}

#[tokio::test]
async fn a_request_is_recorded_with_its_answer_and_without_its_secret() {
    let h = Harness::start().await;
    let machine = h.clerk.machine("m").create();
    let old = machine.secret_key();
    let new = h
        .clerk
        .rotate_machine_secret(&machine, std::time::Duration::from_secs(60));
    let body = || Some(json!({ "token": "mt_x" }));
    h.send("POST", "/v1/m2m_tokens/verify?a=b", old, body())
        .await;
    h.send("POST", "/m2m_tokens/verify", &new, body()).await;
    h.send("POST", "/m2m_tokens/verify", h.clerk.secret_key(), body())
        .await;
    h.send("POST", "/m2m_tokens/verify", "sk_nope", body())
        .await;
    let seen = h.clerk.requests();
    let machine_secret = |credential: &Credential| match credential {
        Credential::MachineSecret {
            machine_id,
            current,
            ..
        } => Some((machine_id.clone(), *current)),
        _ => None,
    };
    assert_eq!(
        machine_secret(&seen[0].credential),
        Some((machine.id().to_owned(), false))
    );
    assert_eq!(
        machine_secret(&seen[1].credential),
        Some((machine.id().to_owned(), true))
    );
    assert_eq!(seen[2].credential, Credential::InstanceSecret);
    assert_eq!(seen[3].credential, Credential::Unknown);
    let first = &seen[0];
    assert_eq!(
        (first.method.as_str(), first.path.as_str()),
        ("POST", "/v1/m2m_tokens/verify")
    );
    assert_eq!(first.query.as_deref(), Some("a=b"));
    assert_eq!(first.json(), json!({ "token": "mt_x" }));
    assert_eq!(first.response.as_ref().unwrap().status, 404);
    assert!(first.response.as_ref().unwrap().json()["errors"].is_array());
    assert!(!first.headers.contains_key("authorization"));
}

#[tokio::test]
async fn the_log_is_bounded_and_the_counters_are_not() {
    let h = Harness::of(ClerkEmulator::builder().configure(|o| o.log_capacity = 2)).await;
    for limit in 1..=5 {
        h.get(&format!("/v1/machines?limit={limit}")).await.ok();
    }
    let kept: Vec<_> = h
        .clerk
        .requests()
        .into_iter()
        .map(|r| r.query.unwrap())
        .collect();
    assert_eq!(kept, ["limit=4", "limit=5"]);
    assert!(
        h.clerk
            .requests()
            .iter()
            .all(|request| request.response.is_some())
    );
    assert_eq!(h.clerk.calls(Endpoint::ListMachines), 5);
}

#[tokio::test]
async fn faults_are_marked() {
    let h = Harness::start().await;
    h.clerk.fault(Endpoint::GetJwks, Fault::status(500)).once();
    h.get("/v1/jwks").await;
    h.get("/v1/jwks").await;
    let marks: Vec<_> = h
        .clerk
        .requests()
        .iter()
        .map(|request| request.faulted)
        .collect();
    assert_eq!(marks, [true, false]);
}

#[tokio::test]
async fn the_log_is_served_only_if_told_and_is_not_in_itself() {
    let h = Harness::start().await;
    h.get("/__emulator/requests")
        .await
        .refused(404, "resource_not_found");
    h.clerk.configure(|options| options.console = true);
    h.clerk.reset_log();
    h.get("/v1/machines?limit=1").await.ok();
    let log = h.get("/__emulator/requests").await.ok();
    assert_eq!(log.as_array().unwrap().len(), 1);
    assert_eq!(
        (&log[0]["path"], &log[0]["query"]),
        (&json!("/v1/machines"), &json!("limit=1"))
    );
    assert_eq!(log[0]["response"]["status"], 200);
    assert!(!log.to_string().contains(h.clerk.secret_key()));
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let h = Harness::start().await;
    let machine = h.clerk.machine("m").create();
    let token = h.clerk.m2m_token(&machine).create();
    let key = h.clerk.api_key(h.clerk.new_user_id()).create();
    let jwt = h.clerk.oauth_jwt(h.clerk.new_user_id()).create();
    let made = h
        .send("POST", "/m2m_tokens", machine.secret_key(), None)
        .await
        .ok();
    h.post("/m2m_tokens/verify", json!({ "token": token.token() }))
        .await
        .ok();
    let requests = h.clerk.requests();
    let fault = h
        .clerk
        .fault(Endpoint::Any, Fault::status(500).body("sekret"));
    let text = format!(
        "{:?}{machine:?}{token:?}{key:?}{jwt:?}{requests:?}{fault:?}",
        h.clerk
    );
    let minted = made["token"].as_str().unwrap();
    let secrets = [
        machine.secret_key(),
        token.token(),
        key.token(),
        jwt.token(),
        minted,
        h.clerk.secret_key(),
        "sekret",
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains(machine.id()), "ids are no secrets");
}
