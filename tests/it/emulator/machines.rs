//! `/machines`.

use std::time::Duration;

use serde_json::json;

use crate::emulator::harness::Harness;

#[tokio::test]
async fn a_machine_is_created_read_changed_and_deleted() {
    let h = Harness::start().await;
    let other = h.clerk.machine("other").create();
    let body =
        json!({ "name": "orders", "scoped_machines": [other.id()], "default_token_ttl": 60 });
    let made = h.post("/v1/machines", body).await.ok();
    assert!(made["secret_key"].as_str().unwrap().starts_with("ak_"));
    assert_eq!(made["scoped_machines"][0]["id"], other.id());
    assert!(
        made["scoped_machines"][0].get("scoped_machines").is_none(),
        "nested ones are flat"
    );
    let path = format!("/v1/machines/{}", made["id"].as_str().unwrap());

    h.clerk.clock().advance(Duration::from_secs(5));
    let change = json!({ "name": "renamed", "default_token_ttl": 61 });
    let changed = h.admin("PATCH", &path, Some(change)).await.ok();
    let read = h.get(&path).await.ok();
    assert_eq!(read, changed);
    assert_eq!(
        (&read["name"], &read["default_token_ttl"]),
        (&json!("renamed"), &json!(61))
    );
    assert!(read.get("secret_key").is_none(), "the secret is shown once");
    assert_eq!(read["instance_id"], h.clerk.instance_id());
    assert!(read["updated_at"].as_u64() > read["created_at"].as_u64());

    let gone = h.admin("DELETE", &path, None).await.ok();
    assert_eq!(
        gone,
        json!({ "object": "machine", "id": made["id"], "deleted": true })
    );
    h.get(&path).await.refused(404, "machine_not_found");
    h.admin("DELETE", &path, None)
        .await
        .refused(404, "machine_not_found");
    h.admin("PATCH", &path, Some(json!({})))
        .await
        .refused(404, "machine_not_found");
    h.conforms();
}

#[tokio::test]
async fn a_machine_has_defaults() {
    let h = Harness::start().await;
    let made = h.post("/machines", json!({ "name": "x" })).await.ok();
    assert_eq!(made["default_token_ttl"], 3600);
    assert_eq!(made["scoped_machines"], json!([]));
    h.conforms();
}

#[tokio::test]
async fn input_out_of_bounds_is_422() {
    let h = Harness::start().await;
    let too_many: Vec<_> = (0..151)
        .map(|_| h.clerk.machine("m").create().id().to_owned())
        .collect();
    let invalid = "form_param_value_invalid";
    for (body, code) in [
        (json!({}), "form_param_missing"),
        (json!({ "name": "" }), invalid),
        (json!({ "name": "x".repeat(256) }), invalid),
        (json!({ "name": 7 }), invalid),
        (json!({ "name": "x", "default_token_ttl": 0 }), invalid),
        (
            json!({ "name": "x", "default_token_ttl": 315_360_001 }),
            invalid,
        ),
        (json!({ "name": "x", "default_token_ttl": 1.5 }), invalid),
        (
            json!({ "name": "x", "scoped_machines": ["mch_nobody"] }),
            invalid,
        ),
        (json!({ "name": "x", "scoped_machines": too_many }), invalid),
        (json!({ "name": "x", "nonsense": 1 }), "form_param_unknown"),
    ] {
        h.post("/v1/machines", body).await.refused(422, code);
    }
    h.post("/v1/machines", json!({ "name": "x".repeat(255) }))
        .await
        .ok();
    h.post(
        "/v1/machines",
        json!({ "name": "x", "default_token_ttl": 10.0 }),
    )
    .await
    .ok();
    h.conforms();
}

#[tokio::test]
async fn a_list_has_pages_orders_and_a_filter() {
    let h = Harness::start().await;
    let made: Vec<_> = ["b", "C-two", "a"]
        .map(|name| h.clerk.machine(name).create())
        .into();
    let names = async |query: &str| {
        let body = h.get(&format!("/v1/machines{query}")).await.ok();
        let names: Vec<_> = body["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["name"].clone())
            .collect();
        (names, body["total_count"].as_u64().unwrap())
    };
    assert_eq!(
        names("").await,
        (vec![json!("a"), json!("C-two"), json!("b")], 3)
    );
    assert_eq!(names("?order_by=name").await.0, ["C-two", "a", "b"]);
    assert_eq!(names("?order_by=%2Bname").await.0, ["C-two", "a", "b"]);
    assert_eq!(names("?order_by=+created_at").await.0, ["b", "C-two", "a"]);
    assert_eq!(
        names("?order_by=-name&limit=1&offset=1").await,
        (vec![json!("a")], 3)
    );
    assert_eq!(names("?limit=1.0&offset=2.0").await.0, ["b"]);
    assert_eq!(names("?query=TWO").await, (vec![json!("C-two")], 1));
    assert_eq!(names(&format!("?query={}", made[0].id())).await.0, ["b"]);
    for query in [
        "?limit=0",
        "?limit=501",
        "?limit=x",
        "?offset=-1",
        "?order_by=age",
    ] {
        h.get(&format!("/machines{query}"))
            .await
            .refused(422, "form_param_value_invalid");
    }
    h.conforms();
}

#[tokio::test]
async fn only_the_instance_secret_opens_machines() {
    let h = Harness::start().await;
    let machine = h.clerk.machine("m").create();
    let path = format!("/v1/machines/{}", machine.id());
    for secret in [machine.secret_key(), "sk_test_wrong", "x"] {
        h.send("GET", &path, secret, None)
            .await
            .refused(401, "clerk_key_invalid");
        h.send("GET", "/v1/machines", secret, None)
            .await
            .refused(401, "clerk_key_invalid");
    }
    let bare = h
        .http
        .get(format!("{}{path}", h.clerk.api_url()))
        .send()
        .await
        .unwrap();
    assert_eq!(bare.status(), 401);
    assert!(
        bare.text()
            .await
            .unwrap()
            .contains("authorization_header_format_invalid")
    );
    h.conforms();
}

#[tokio::test]
async fn several_instance_secrets_are_good_until_revoked() {
    let h = Harness::start().await;
    let second = h.clerk.add_secret_key();
    h.send("GET", "/v1/machines", &second, None).await.ok();
    assert!(h.clerk.revoke_secret_key(h.clerk.secret_key()));
    h.get("/v1/machines")
        .await
        .refused(401, "clerk_key_invalid");
    h.send("GET", "/v1/machines", &second, None).await.ok();
}

#[tokio::test]
async fn a_body_must_be_a_json_object_and_say_so() {
    let h = Harness::start().await;
    let url = format!("{}/v1/machines", h.clerk.api_url());
    let post = |kind: &'static str, body: &'static str| {
        let request = h
            .http
            .post(&url)
            .bearer_auth(h.clerk.secret_key())
            .body(body);
        async move {
            request
                .header("content-type", kind)
                .send()
                .await
                .unwrap()
                .status()
                .as_u16()
        }
    };
    assert_eq!(post("text/plain", r#"{"name":"x"}"#).await, 400);
    assert_eq!(post("application/json", r#"["x"]"#).await, 400);
    assert_eq!(post("application/json", r#"{"name":"#).await, 400);
    assert_eq!(
        post("application/json; charset=utf-8", r#"{"name":"x"}"#).await,
        200
    );
    h.conforms();
}
