//! Every operation of the OpenAPI document, and whether the validator sees a breach of it.

use clerk_machine_auth::testing::{Endpoint, RecordedRequest};
use serde_json::{Value, json};

use crate::emulator::harness::Harness;
use crate::support::exchange::Exchange;
use crate::support::openapi::{Requests, assert_conforms, assert_exchanges, contract};

/// Calls each operation once with success.
async fn drive(h: &Harness) {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let a = h
        .post(
            "/v1/machines",
            json!({ "name": "a", "default_token_ttl": 600 }),
        )
        .await
        .ok();
    let b = h
        .post(
            "/v1/machines",
            json!({ "name": "b", "scoped_machines": [] }),
        )
        .await
        .ok();
    let (a_id, b_id, a_secret) = (text(&a, "id"), text(&b, "id"), text(&a, "secret_key"));
    let machine = format!("/v1/machines/{a_id}");
    h.get("/v1/machines?limit=500&offset=0&order_by=name&query=a")
        .await
        .ok();
    h.get(&machine).await.ok();
    h.admin("PATCH", &machine, Some(json!({ "name": "c" })))
        .await
        .ok();
    h.post(
        &format!("{machine}/scopes"),
        json!({ "to_machine_id": b_id }),
    )
    .await
    .ok();
    h.get(&format!("{machine}/secret_key")).await.ok();
    let ttl = json!({ "previous_token_ttl": 60 });
    h.post(&format!("{machine}/secret_key/rotate"), ttl)
        .await
        .ok();
    let wish =
        json!({ "token_format": "opaque", "claims": { "a": 1 }, "min_remaining_ttl_seconds": 5 });
    let token = h
        .send("POST", "/m2m_tokens", &a_secret, Some(wish))
        .await
        .ok();
    h.post("/m2m_tokens/verify", json!({ "token": token["token"] }))
        .await
        .ok();
    h.get(&format!(
        "/m2m_tokens?subject={a_id}&revoked=true&expired=false&limit=1"
    ))
    .await
    .ok();
    h.post(
        &format!("/m2m_tokens/{}/revoke", text(&token, "id")),
        json!({}),
    )
    .await
    .ok();
    drive_keys(h).await;
    h.admin("DELETE", &format!("{machine}/scopes/{b_id}"), None)
        .await
        .ok();
    h.admin("DELETE", &machine, None).await.ok();
}

async fn drive_keys(h: &Harness) {
    let user = h.clerk.new_user_id();
    let key = h
        .post("/api_keys", json!({ "name": "key", "subject": user }))
        .await
        .ok();
    let path = format!("/api_keys/{}", key["id"].as_str().unwrap());
    h.get(&format!("/api_keys?subject={user}&include_invalid=true"))
        .await
        .ok();
    h.get(&path).await.ok();
    h.get(&format!("{path}/secret")).await.ok();
    h.admin("PATCH", &path, Some(json!({ "scopes": ["x"] })))
        .await
        .ok();
    h.post("/api_keys/verify", json!({ "secret": key["secret"] }))
        .await
        .ok();
    h.post(
        &format!("{path}/revoke"),
        json!({ "revocation_reason": null }),
    )
    .await
    .ok();
    h.admin("DELETE", &path, None).await.ok();
    let oauth = h.clerk.oauth_token(&user).create();
    let body = json!({ "access_token": oauth.token() });
    h.post("/oauth_applications/access_tokens/verify", body)
        .await
        .ok();
    h.get("/v1/jwks").await.ok();
}

#[tokio::test]
async fn every_operation_conforms() {
    let h = Harness::start().await;
    drive(&h).await;
    let requests = h.clerk.requests();
    assert_conforms(&requests, Requests::All);
    let contract = contract();
    let undriven = contract.undriven(&requests);
    assert!(undriven.is_empty(), "no request for {undriven:?}");
}

/// Changes one recorded exchange and asserts that the validator now objects.
#[track_caller]
fn objects(requests: &[RecordedRequest], endpoint: Endpoint, change: impl FnOnce(&mut Exchange)) {
    let contract = contract();
    let found = requests.iter().find(|request| request.endpoint == endpoint);
    let mut exchange = Exchange::recorded(found.unwrap()).unwrap();
    assert_eq!(
        contract.violations(&exchange, Requests::All),
        Vec::<String>::new()
    );
    change(&mut exchange);
    assert!(
        !contract.violations(&exchange, Requests::All).is_empty(),
        "{endpoint:?}"
    );
}

fn answer(change: impl FnOnce(&mut Value)) -> impl FnOnce(&mut Exchange) {
    |exchange| {
        let mut body = serde_json::from_slice(&exchange.answer).unwrap();
        change(&mut body);
        exchange.answer = body.to_string().into_bytes();
    }
}

#[tokio::test]
async fn the_validator_sees_each_breach() {
    let h = Harness::start().await;
    drive(&h).await;
    let seen = h.clerk.requests();
    objects(
        &seen,
        Endpoint::VerifyM2mToken,
        answer(|body| body["id"] = json!("mt_1")),
    );
    objects(
        &seen,
        Endpoint::VerifyM2mToken,
        answer(|body| body["extra"] = json!(1)),
    );
    objects(
        &seen,
        Endpoint::GetMachine,
        answer(|body| body["scoped_machines"] = json!([{}])),
    );
    objects(
        &seen,
        Endpoint::CreateMachine,
        answer(|body| body["secret_key"] = Value::Null),
    );
    objects(
        &seen,
        Endpoint::GetApiKey,
        answer(|body| body["expiration"] = json!("never")),
    );
    objects(
        &seen,
        Endpoint::GetJwks,
        answer(|body| body["keys"][0]["n"] = Value::Null),
    );
    objects(&seen, Endpoint::DeleteMachine, |exchange| {
        exchange.status = 204;
    });
    objects(&seen, Endpoint::CreateM2mToken, |exchange| {
        exchange.body = br#"{"min_remaining_ttl_seconds":"5"}"#.to_vec();
    });
    objects(&seen, Endpoint::RevokeM2mToken, |exchange| {
        exchange.path = "/m2m_tokens/mt_1/revoke".to_owned();
    });
    objects(&seen, Endpoint::GetMachine, |exchange| {
        exchange.path = "/machine/x".to_owned();
    });
    objects(&seen, Endpoint::ListM2mTokens, |exchange| {
        exchange.query.clear();
    });
    objects(&seen, Endpoint::ListApiKeys, |exchange| {
        exchange.query += "&include_invalid=1";
    });
    objects(&seen, Endpoint::ListMachines, |exchange| {
        exchange.query = "limt=1".to_owned();
    });
}

/// Holds the traffic of a stand-alone emulator, saved from its `GET /__emulator/requests`, against
/// the document.
#[test]
#[ignore = "needs EMULATOR_TRAFFIC, the path of saved traffic"]
fn traffic_recorded_elsewhere_conforms() {
    let path = std::env::var_os("EMULATOR_TRAFFIC").unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let traffic: Vec<Value> = serde_json::from_str(&text).unwrap();
    let exchanges: Vec<_> = traffic.iter().filter_map(Exchange::dumped).collect();
    assert!(!exchanges.is_empty(), "no traffic proves nothing");
    println!("{} exchanges held against the document", exchanges.len());
    assert_exchanges(exchanges.into_iter(), Requests::Accepted);
}
