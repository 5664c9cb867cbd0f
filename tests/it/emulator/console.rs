//! The console's API: it steers the emulator as the handle in the process does, and lets nobody in who
//! is foreign.

use clerk_machine_auth::testing::{ClerkEmulator, EmulatorBuilder, Endpoint};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::emulator::harness::Harness;

/// An emulator with its console, and a client that sends no secret.
struct Console {
    h: Harness,
}

impl Console {
    async fn start() -> Self {
        Self::of(ClerkEmulator::builder()).await
    }

    async fn of(builder: EmulatorBuilder) -> Self {
        let h = Harness::of(builder.configure(|options| options.console = true)).await;
        Self { h }
    }

    /// Sends a request with these headers, and a body if there is one.
    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Option<&str>,
    ) -> (u16, Value) {
        let url = format!("{}{path}", self.h.clerk.api_url());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).unwrap();
            map.insert(HeaderName::from_static(name), value);
        }
        let request = self.h.http.request(method.parse().unwrap(), url);
        let request = request
            .headers(map)
            .body(body.unwrap_or_default().to_owned());
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let path = format!("/__emulator/{path}");
        let body = body.map(|body| body.to_string());
        let json = [("content-type", "application/json")];
        let headers = if body.is_some() { &json[..] } else { &[] };
        self.send(method, &path, headers, body.as_deref()).await
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Posts, asserts a success, and returns the body.
    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, body) = self.call("POST", path, Some(body)).await;
        assert!((200..300).contains(&status), "{path}: {status} {body}");
        body
    }

    /// Does something that answers nothing.
    async fn done(&self, method: &str, path: &str) {
        let (status, body) = self.call(method, path, None).await;
        assert_eq!(status, 204, "{path}: {body}");
    }

    async fn verify(&self, token: &Value, receiver: &Value) -> u16 {
        let secret = receiver["secretKey"].as_str().unwrap();
        let body = json!({ "token": token["token"] });
        self.h
            .send("POST", "/v1/m2m_tokens/verify", secret, Some(body))
            .await
            .status
    }

    /// The codes of the reasons to refuse a token.
    async fn reasons(&self, token: &Value, receiver: &Value) -> Value {
        let question = json!({ "token": token["token"], "receiver": receiver["id"] });
        let report = self.post("inspect", question).await;
        assert_eq!(
            report["accepted"],
            report["reasons"] == json!([]),
            "{report}"
        );
        report["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .map(|reason| reason["code"].clone())
            .collect()
    }
}

#[tokio::test]
async fn machines_are_created_granted_rotated_and_deleted_over_http() {
    let c = Console::start().await;
    let orders = c.post("machines", json!({ "name": "orders" })).await;
    let billing = c
        .post("machines", json!({ "name": "billing", "scopedTo": [] }))
        .await;
    let (from, to) = (
        billing["id"].as_str().unwrap(),
        orders["id"].as_str().unwrap(),
    );
    let graph = async || {
        let url = format!("{}/__emulator/graph.svg", c.h.clerk.api_url());
        c.h.http
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    };
    assert!(!graph().await.contains("class=\"edge\""));
    let early = c.post("m2m_tokens", json!({ "machine": "billing" })).await;
    c.done("PUT", &format!("scopes/{from}/{to}")).await;
    c.done("PUT", &format!("scopes/{from}/{to}")).await;
    assert!(graph().await.contains("billing may call orders"));
    let late = c.post("m2m_tokens", json!({ "machine": from })).await;
    assert_eq!(c.verify(&late, &orders).await, 200);
    assert_eq!(
        c.verify(&early, &orders).await,
        404,
        "minted before the grant"
    );
    assert_eq!(c.reasons(&early, &orders).await, json!(["out_of_reach"]));
    let secret = format!("machines/{to}/secret_key");
    let rotated = c
        .post(&format!("{secret}/rotate"), json!({ "graceSeconds": 60 }))
        .await;
    assert_eq!(c.get(&secret).await, rotated);
    assert_ne!(rotated["secretKey"], orders["secretKey"]);
    c.done("DELETE", &format!("scopes/{from}/{to}")).await;
    c.done("DELETE", &format!("machines/{from}")).await;
    assert_eq!(
        c.get("state").await["machines"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn the_inspector_and_the_log_say_why_a_token_is_refused() {
    let c = Console::start().await;
    let machines = json!([
        { "name": "orders" }, { "name": "billing", "scopedTo": ["orders"] }, { "name": "ledger" },
    ]);
    let seeded = c.post("seed", json!({ "machines": machines })).await;
    let (orders, ledger) = (&seeded["machines"][0], &seeded["machines"][2]);
    let mint = |format: &str| {
        c.post(
            "m2m_tokens",
            json!({ "machine": "billing", "format": format }),
        )
    };
    for format in ["opaque", "jwt"] {
        let token = mint(format).await;
        assert_eq!(c.reasons(&token, orders).await, json!([]), "{format}");
        assert_eq!(
            c.reasons(&token, ledger).await,
            json!(["out_of_reach"]),
            "{format}"
        );
        assert_eq!(c.verify(&token, ledger).await, 404, "{format}");
        let log = c.get("requests").await;
        let last = log.as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["reason"], "billing may not reach ledger", "{format}");
    }
    let (revoked, old, jwt) = (
        mint("opaque").await,
        mint("opaque").await,
        mint("jwt").await,
    );
    let id = revoked["id"].as_str().unwrap();
    c.post(
        &format!("tokens/{id}/revoke"),
        json!({ "reason": "leaked" }),
    )
    .await;
    c.post("clock", json!({ "advanceSeconds": 3 * 60 })).await;
    assert_eq!(c.verify(&revoked, orders).await, 404);
    let log = c.get("requests").await;
    let reason = &log.as_array().unwrap().last().unwrap()["reason"];
    assert_eq!(reason, "revoked 3 minutes ago: leaked");
    c.post("clock", json!({ "advanceSeconds": 60 * 60 })).await;
    assert_eq!(c.reasons(&old, orders).await, json!(["expired"]));
    assert_eq!(c.reasons(&jwt, orders).await, json!(["expired"]));
    c.post("keys/rotate", json!({})).await;
    assert_eq!(
        c.reasons(&jwt, orders).await,
        json!(["unknown_key", "expired"])
    );
    let said = [
        ("sk_live_x", "instance_secret"),
        ("mt_nope", "unknown_token"),
        ("a.b.c", "malformed"),
        (orders["secretKey"].as_str().unwrap(), "machine_secret"),
        ("", "no_token"),
    ];
    for (text, code) in said {
        assert_eq!(
            c.reasons(&json!({ "token": text }), orders).await,
            json!([code]),
            "{text}"
        );
    }
}

#[tokio::test]
async fn faults_are_planned_listed_explained_and_taken_back_over_http() {
    let c = Console::start().await;
    let outage = json!({ "endpoint": "Any", "effect": "status", "retryAfterSeconds": 2 });
    let planned = c.post("faults", outage).await;
    assert_eq!(c.h.get("/v1/jwks").await.status, 503);
    let log = c.get("requests?endpoint=GetJwks").await;
    assert_eq!(
        (&log[0]["reason"], &log[0]["faulted"]),
        (&json!("a fault answered 503"), &json!(true))
    );
    assert_eq!(log[0]["response"]["headers"]["retry-after"], "2");
    assert_eq!(c.get("faults").await[0], planned);
    c.done("DELETE", &format!("faults/{}", planned["id"])).await;
    assert_eq!(c.h.get("/v1/jwks").await.status, 200);
    c.post(
        "faults",
        json!({ "endpoint": "GetJwks", "effect": "status", "status": 429, "skip": 1, "times": 1 }),
    )
    .await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(c.h.get("/v1/jwks").await.status);
    }
    assert_eq!(statuses, [200, 429, 200]);
    c.post(
        "faults",
        json!({ "endpoint": "GetJwks", "effect": "hang", "durationSeconds": 60 }),
    )
    .await;
    c.post("clock", json!({ "advanceSeconds": 60 })).await;
    assert_eq!(c.h.get("/v1/jwks").await.status, 200);
    assert_eq!(c.get("faults").await, json!([]));
}

#[tokio::test]
async fn a_reset_returns_to_the_checkpoint() {
    let c = Console::start().await;
    let kept = c.post("machines", json!({ "name": "kept" })).await;
    let token = c.post("m2m_tokens", json!({ "machine": "kept" })).await;
    c.post("checkpoint", json!({})).await;
    let id = token["id"].as_str().unwrap();
    c.post(&format!("tokens/{id}/revoke"), json!({})).await;
    c.done(
        "DELETE",
        &format!("machines/{}", kept["id"].as_str().unwrap()),
    )
    .await;
    c.post("machines", json!({ "name": "new" })).await;
    c.post("faults", json!({ "endpoint": "Any", "effect": "drop" }))
        .await;
    c.post("clock", json!({ "advanceSeconds": 86_400 })).await;
    c.post("reset", json!({})).await;
    let state = c.get("state").await;
    assert_eq!(state["machines"][0]["id"], kept["id"]);
    assert_eq!(state["machines"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&state["faults"], &state["calls"]),
        (&json!([]), &json!({}))
    );
    assert_eq!(state["m2mTokens"][0]["status"], "active");
    assert_eq!(
        c.h.send(
            "POST",
            "/m2m_tokens",
            kept["secretKey"].as_str().unwrap(),
            None
        )
        .await
        .status,
        201
    );
}

#[tokio::test]
async fn a_seed_is_taken_whole_or_not_at_all() {
    let c = Console::start().await;
    let user = c.get("new_user_id").await["id"].clone();
    let id = format!("mch_{}", "a".repeat(27));
    let secret = format!("ak_{}", "b".repeat(32));
    let instance = format!("sk_test_{}", "c".repeat(32));
    let seed = json!({
        "secretKeys": [instance],
        "machines": [
            { "name": "billing", "scopedTo": ["orders"] },
            { "name": "orders", "id": id, "secretKey": secret, "defaultTokenTtl": 60 },
        ],
        "m2mTokens": [{ "machine": "billing", "variable": "BILLING" }],
        "apiKeys": [{ "subject": user, "scopes": ["a"], "variable": "KEY" }],
        "oauthTokens": [{ "subject": user, "format": "jwt", "audience": ["https://a.example"] }],
        "oauthClients": [{ "redirectUris": ["http://127.0.0.1/cb"], "confidential": true }],
        "signedInAs": user,
    });
    let seeded = c.post("seed", seed).await;
    assert_eq!(seeded["machines"][1]["id"], id);
    assert_eq!(
        c.verify(&seeded["tokens"][0], &seeded["machines"][1]).await,
        200
    );
    assert_eq!(
        c.h.send("GET", "/v1/machines", &instance, None).await.ok()["total_count"],
        2
    );
    let environment = c.get("environment?machine=orders").await;
    assert_eq!(environment["CLERK_MACHINE_SECRET_KEY"], secret);
    let before = c.get("state").await;
    for (bad, named) in [
        (
            json!({ "machines": [{ "name": "x" }, { "name": "y", "scopedTo": ["z"] }] }),
            "z",
        ),
        (
            json!({ "machines": [{ "name": "x" }], "m2mTokens": [{ "machine": "nobody" }] }),
            "nobody",
        ),
        (
            json!({ "machines": [{ "name": "x", "id": id }] }),
            "this id",
        ),
        (
            json!({ "apiKeys": [{ "subject": "user_2ab" }] }),
            "such as user_",
        ),
        (
            json!({ "machines": [{ "name": "x", "scope": [] }] }),
            "scopedTo",
        ),
    ] {
        let (status, body) = c.call("POST", "seed", Some(bad)).await;
        assert!((400..500).contains(&status), "{body}");
        assert!(
            body["error"]["message"].as_str().unwrap().contains(named),
            "{body}"
        );
    }
    assert_eq!(c.get("state").await, before);
}

#[tokio::test]
async fn the_seed_of_the_docs_is_one() {
    let guide = include_str!("../../../src/docs/emulator.md");
    let (_, rest) = guide.split_once("```json").unwrap();
    let (seed, _) = rest.split_once("```").unwrap();
    let clerk = ClerkEmulator::start().await;
    let seeded = clerk.seed(seed).unwrap();
    let names: Vec<_> = seeded.variables().iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["BILLING_TOKEN", "API_KEY"]);
    assert_eq!(seeded.machines()[1].name(), "orders");
}

#[tokio::test]
async fn the_log_is_read_in_parts() {
    let c = Console::start().await;
    for limit in 1..=4 {
        c.h.get(&format!("/v1/machines?limit={limit}")).await.ok();
    }
    c.h.get("/v1/jwks").await.ok();
    let ids = |log: Value| -> Vec<u64> {
        log.as_array()
            .unwrap()
            .iter()
            .map(|request| request["id"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(ids(c.get("requests").await), [0, 1, 2, 3, 4]);
    assert_eq!(ids(c.get("requests?after=1&limit=2").await), [3, 4]);
    assert_eq!(
        ids(c.get("requests?endpoint=ListMachines&limit=2").await),
        [2, 3]
    );
    assert_eq!(
        c.get("state").await["calls"],
        json!({ "Any": 5, "ListMachines": 4, "GetJwks": 1 })
    );
    c.done("DELETE", "requests").await;
    assert_eq!(c.get("requests").await, json!([]));
    c.h.get("/v1/jwks").await.ok();
    assert_eq!(ids(c.get("requests").await), [5], "ids go on");
}

#[tokio::test]
async fn a_console_is_there_only_if_told() {
    let h = Harness::start().await;
    for path in ["/", "/__emulator/state", "/__emulator/requests"] {
        h.get(path).await.refused(404, "resource_not_found");
    }
}

#[tokio::test]
async fn a_foreign_host_or_origin_gets_nothing_from_the_console() {
    let c = Console::start().await;
    c.h.clerk.machine("m").create();
    let own = c.h.clerk.api_url().trim_start_matches("http://").to_owned();
    let own_origin = format!("http://{own}");
    for path in [
        "/",
        "/__emulator/state",
        "/__emulator/requests",
        "/__emulator/environment",
        "/__emulator/graph.svg",
    ] {
        for headers in [
            vec![("host", "attacker.example")],
            vec![("host", "127.0.0.1.attacker.example")],
            vec![("origin", "http://attacker.example")],
            vec![("origin", "null")],
            vec![("origin", "http://localhost:3000")],
            vec![
                ("host", "attacker.example"),
                ("origin", "http://attacker.example"),
            ],
            vec![("sec-fetch-site", "cross-site")],
            vec![("sec-fetch-site", "same-site")],
        ] {
            let (status, body) = c.send("GET", path, &headers, None).await;
            assert_eq!(status, 403, "{path} {headers:?}");
            let members: Vec<_> = body.as_object().unwrap().keys().collect();
            assert_eq!(members, ["error"], "{path} {headers:?}");
        }
        let (status, _) = c
            .send(
                "GET",
                path,
                &[("host", &own), ("origin", &own_origin)],
                None,
            )
            .await;
        assert_eq!(status, 200, "{path}");
    }
    let evil = [
        ("origin", "http://attacker.example"),
        ("content-type", "application/json"),
    ];
    let body = Some(r#"{"name":"evil"}"#);
    assert_eq!(
        c.send("POST", "/__emulator/machines", &evil, body).await.0,
        403
    );
    assert_eq!(
        c.get("state").await["machines"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_foreign_name_is_refused_over_http2_as_well() {
    let c = Console::start().await;
    let address =
        c.h.clerk
            .api_url()
            .trim_start_matches("http://")
            .parse()
            .unwrap();
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .resolve("attacker.example", address)
        .build()
        .unwrap();
    let port = address.port();
    let ask = |host: &str| {
        client
            .get(format!("http://{host}:{port}/__emulator/state"))
            .send()
    };
    assert_eq!(ask("attacker.example").await.unwrap().status(), 403);
    assert_eq!(ask("127.0.0.1").await.unwrap().status(), 200);
}

#[tokio::test]
async fn changes_take_a_body_that_says_it_is_json() {
    let c = Console::start().await;
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
    ] {
        let headers = [("content-type", content_type)];
        let body = Some(r#"{"name":"evil"}"#);
        let (status, _) = c.send("POST", "/__emulator/machines", &headers, body).await;
        assert_eq!(status, 415, "{content_type}");
    }
    for path in [
        "reset",
        "checkpoint",
        "seed",
        "clock",
        "faults",
        "m2m_tokens",
        "api_keys",
        "keys/rotate",
    ] {
        let path = format!("/__emulator/{path}");
        assert_eq!(
            c.send("POST", &path, &[], Some("{}")).await.0,
            415,
            "{path}"
        );
    }
    assert_eq!(c.get("state").await["machines"], json!([]));
    assert_eq!(
        c.h.clerk.calls(Endpoint::Any),
        0,
        "the console is not in its log"
    );
}

#[tokio::test]
async fn ids_that_clerk_refuses_are_answered_with_one_that_fits() {
    let c = Console::start().await;
    let body = |subject: &str| json!({ "name": "some key", "subject": subject });
    let refused = c.h.post("/v1/api_keys", body("user_2ab")).await;
    refused.refused(400, "bad_request");
    let message = refused.body["errors"][0]["long_message"].as_str().unwrap();
    let shown = message.rsplit(' ').next().unwrap();
    c.h.post("/v1/api_keys", body(shown)).await.ok();
    let new = c.get("new_user_id").await;
    c.h.post("/v1/api_keys", body(new["id"].as_str().unwrap()))
        .await
        .ok();
    assert_ne!(new, c.get("new_user_id").await);
}

#[tokio::test]
async fn a_container_is_reached_under_its_public_name() {
    let builder = ClerkEmulator::builder().public_url("http://clerk-emulator:4010");
    let c = Console::of(builder).await;
    assert_eq!(c.h.clerk.api_url(), "http://clerk-emulator:4010");
    assert_eq!(c.h.clerk.issuer(), "http://clerk-emulator:4010");
    let wrong = ClerkEmulator::builder()
        .public_url("clerk-emulator:4010")
        .start()
        .await;
    assert!(
        wrong
            .unwrap_err()
            .to_string()
            .contains("http://clerk-emulator:4010")
    );
}
