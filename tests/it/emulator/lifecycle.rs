//! Start, stop, and what two emulators share: nothing.

use std::time::Duration;

use clerk_machine_auth::testing::ClerkEmulator;
use serde_json::json;

use crate::emulator::harness::Harness;

async fn refused(url: &str) -> bool {
    for _ in 0..100 {
        let asked = reqwest::get(format!("{url}/.well-known/jwks.json")).await;
        if asked.is_err_and(|error| error.is_connect()) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn an_emulator_ends_with_its_owner() {
    let clerk = ClerkEmulator::start().await;
    let url = clerk.api_url().to_owned();
    assert!(
        reqwest::get(format!("{url}/.well-known/jwks.json"))
            .await
            .is_ok()
    );
    drop(clerk);
    assert!(refused(&url).await);
    let clerk = ClerkEmulator::start().await;
    let url = clerk.api_url().to_owned();
    clerk.shutdown().await;
    assert!(refused(&url).await);
}

#[tokio::test]
async fn the_listener_stops_and_resumes_with_its_state() {
    let h = Harness::start().await;
    let machine = h.clerk.machine("m").create();
    let path = format!("/v1/machines/{}", machine.id());
    h.get(&path).await.ok();
    h.clerk.stop_listening().await;
    let stopped = h.try_send("GET", &path, h.clerk.secret_key(), None).await;
    assert!(
        stopped.unwrap_err().is_connect(),
        "pooled connections are closed as well"
    );
    h.clerk.resume_listening().await.unwrap();
    h.clerk.resume_listening().await.unwrap();
    h.get(&path).await.ok();
}

#[tokio::test]
async fn a_taken_address_is_an_error() {
    let h = Harness::start().await;
    let address = h
        .clerk
        .api_url()
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap();
    let second = ClerkEmulator::builder().listen(address).start().await;
    assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn two_emulators_share_nothing() {
    let (one, two) = tokio::join!(Harness::start(), Harness::start());
    let machine = one.clerk.machine("m").create();
    let token = one.clerk.m2m_token(&machine).create();
    let secret = two
        .send("GET", "/v1/machines", one.clerk.secret_key(), None)
        .await;
    secret.refused(401, "clerk_key_invalid");
    let foreign = two
        .send("POST", "/m2m_tokens", machine.secret_key(), None)
        .await;
    foreign.refused(401, "machine_secret_key_invalid");
    let body = json!({ "token": token.token() });
    two.post("/m2m_tokens/verify", body)
        .await
        .refused(404, "resource_not_found");
    assert_ne!(one.clerk.instance_id(), two.clerk.instance_id());
    one.clerk.clock().advance(Duration::from_secs(10_000));
    assert_eq!(two.clerk.requests().len(), 3);
    assert_eq!(one.clerk.requests().len(), 0);
}

#[tokio::test]
async fn unknown_paths_are_404_and_unknown_methods_405() {
    let h = Harness::start().await;
    h.get("/v1/users").await.refused(404, "resource_not_found");
    h.get("/v2/machines")
        .await
        .refused(404, "resource_not_found");
    let put = h.admin("PUT", "/v1/machines", Some(json!({}))).await;
    put.refused(405, "method_not_allowed");
    assert_eq!(put.headers["allow"], "GET, POST");
    h.conforms();
}

#[tokio::test]
async fn answers_are_as_the_official_clients_need_them() {
    let h = Harness::start().await;
    let error = h.get("/v1/machines/mch_x").await;
    assert_eq!(
        error.headers["content-type"], "application/json",
        "no charset"
    );
    assert!(error.body["clerk_trace_id"].is_string());
    assert!(error.body["errors"][0]["long_message"].is_string());
    let url = format!("{}/v1/machines", h.clerk.api_url());
    for (version, status) in [
        ("2026-05-12", 200),
        ("2025-11-10", 200),
        ("1999-01-01", 400),
    ] {
        let request = h.http.get(&url).bearer_auth(h.clerk.secret_key());
        let answer = request
            .header("clerk-api-version", version)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status, "{version}");
    }
}

#[tokio::test]
async fn a_body_without_end_is_refused() {
    let h = Harness::start().await;
    let huge = json!({ "name": "x".repeat(1024 * 1024) });
    match h
        .try_send("POST", "/v1/machines", h.clerk.secret_key(), Some(huge))
        .await
    {
        Ok(answer) => answer.refused(413, "request_body_too_large"),
        Err(error) => panic!("{error}"),
    }
}
