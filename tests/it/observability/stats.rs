//! The counters of an authenticator.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use clerk_machine_auth::testing::{Endpoint as At, Fault};
use clerk_machine_auth::{ClerkMachineAuth, TokenType};

use super::scenario::{CANARY, Scenario, ask};

#[tokio::test]
async fn a_scenario_with_known_numbers_is_counted_exactly() {
    let scenario = Scenario::new().await;
    let layer = || ClerkMachineAuth::new(scenario.auth.clone());
    scenario.run(layer).await;
    let stats = scenario.auth.stats();
    let requests = &stats.requests;
    assert_eq!((requests.allowed.m2m, requests.allowed.api_key), (5, 4));
    assert_eq!(requests.allowed.total(), 9);
    assert_eq!(
        (requests.forbidden.api_key, requests.forbidden.total()),
        (3, 3)
    );
    assert_eq!((requests.missing.none, requests.missing.total()), (2, 2));
    assert_eq!(requests.malformed.total(), 1);
    assert_eq!((requests.invalid.m2m, requests.invalid.oauth), (2, 1));
    assert_eq!((requests.invalid.none, requests.invalid.total()), (1, 4));
    assert_eq!(
        (requests.unavailable.api_key, requests.unavailable.total()),
        (1, 1)
    );
    assert_eq!((requests.anonymous.none, requests.internal.total()), (2, 0));
    assert_eq!(requests.total(), 22);
    let lookups = &stats.lookups;
    assert_eq!((lookups.hit, lookups.miss, lookups.negative), (8, 7, 1));
    assert_eq!((lookups.joined, lookups.stale), (0, 0));
    let reasons = serde_json::to_value(&stats.rejections).unwrap();
    assert_eq!(
        reasons,
        serde_json::json!({
            "malformed": 1, "missing_scope": 3, "no_token": 2, "unknown_class": 1,
            "unknown_token": 3, "upstream": 1,
        })
    );
    let upstream = &stats.upstream;
    assert_eq!(
        (upstream.verify_m2m.ok, upstream.verify_m2m.bad_token),
        (1, 1)
    );
    assert_eq!(
        (
            upstream.verify_oauth.bad_token,
            upstream.verify_oauth.total()
        ),
        (1, 1)
    );
    assert_eq!(
        (
            upstream.verify_api_key.ok,
            upstream.verify_api_key.server_error
        ),
        (2, 2)
    );
    assert_eq!((upstream.jwks.ok, upstream.registry.ok), (1, 1));
    // Every attempt on the wire, as the other side counted it.
    assert_eq!(upstream.total(), scenario.clerk.calls(At::Any));
    let json = serde_json::to_string(&stats).unwrap();
    assert!(!json.contains(CANARY), "{json}");
}

#[tokio::test]
async fn waits_and_stale_verdicts_are_counted_apart() {
    let scenario = Scenario::new().await;
    let (clerk, auth) = (&scenario.clerk, &scenario.auth);
    let key = clerk.api_key("user_a").create();
    let both = tokio::join!(auth.verify(key.token()), auth.verify(key.token()));
    assert!(both.0.is_ok() && both.1.is_ok());
    let lookups = auth.stats().lookups;
    assert_eq!((lookups.miss, lookups.joined), (1, 1));
    clerk.fault(At::VerifyApiKey, Fault::status(500)).always();
    clerk.clock().advance(Duration::from_secs(80));
    auth.verify(key.token()).await.unwrap();
    let stats = auth.stats();
    assert_eq!((stats.lookups.miss, stats.lookups.stale), (1, 1));
    assert_eq!(stats.requests.allowed.api_key, 3);
}

#[tokio::test]
async fn nested_layers_count_a_request_once() {
    let scenario = Scenario::new().await;
    let (clerk, auth) = (&scenario.clerk, &scenario.auth);
    let layer = || ClerkMachineAuth::new(auth.clone());
    let inner = layer().accept([TokenType::OAuth]);
    let app = Router::new()
        .route("/oauth", get(|| async {}).layer(inner))
        .route("/all", get(|| async {}).layer(layer()))
        .layer(layer().optional());
    let key = clerk.api_key("user_a").create();
    assert_eq!(ask(&app, "/all", Some(key.token())).await, 200);
    assert_eq!(ask(&app, "/oauth", Some(key.token())).await, 401);
    assert_eq!(ask(&app, "/all", None).await, 401);
    let requests = auth.stats().requests;
    assert_eq!(requests.allowed.api_key, 1);
    assert_eq!(requests.invalid.api_key, 1);
    assert_eq!(requests.missing.none, 1);
    assert_eq!(requests.total(), 3);
}

#[tokio::test]
async fn calls_that_are_held_back_are_counted_by_what_held_them_back() {
    let scenario = Scenario::new().await;
    let (clerk, auth) = (&scenario.clerk, &scenario.auth);
    clerk.fault(At::VerifyM2mToken, Fault::status(500)).always();
    for number in 0..20 {
        auth.verify(&format!("mt_unknown{number:020}"))
            .await
            .unwrap_err();
    }
    let stats = auth.stats();
    let sent = stats.upstream.verify_m2m.server_error;
    assert!(sent >= 5 && stats.held_back.breaker > 0, "{stats:?}");
    assert_eq!(sent + stats.held_back.total(), 20);
    assert_eq!(sent, clerk.calls(At::VerifyM2mToken));
}
