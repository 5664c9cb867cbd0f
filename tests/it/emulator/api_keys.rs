//! `/api_keys`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::emulator::harness::Harness;

fn key_path(key: &Value) -> String {
    format!("/api_keys/{}", key["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_key_is_created_verified_and_read() {
    let h = Harness::start().await;
    let (user, creator) = (h.clerk.new_user_id(), h.clerk.new_user_id());
    let body = json!({
        "name": "ci key", "subject": user, "description": "d", "claims": { "a": 1 },
        "scopes": ["read"], "created_by": creator, "seconds_until_expiration": 600.0,
    });
    let made = h.post("/api_keys", body).await;
    assert_eq!(made.status, 201);
    let made = made.body;
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("ak_"));
    let read = h.get(&key_path(&made)).await.ok();
    for name in [
        "name",
        "subject",
        "description",
        "claims",
        "scopes",
        "created_by",
        "expiration",
    ] {
        assert_eq!(read[name], made[name], "{name}");
    }
    assert!(read.get("secret").is_none());
    let shown = h.get(&format!("{}/secret", key_path(&made))).await.ok();
    assert_eq!(shown, json!({ "secret": secret }));
    let seen = h
        .post("/api_keys/verify", json!({ "secret": secret }))
        .await
        .ok();
    assert_eq!(
        (&seen["id"], &seen["type"]),
        (&made["id"], &json!("api_key"))
    );
    assert!(seen["last_used_at"].is_u64());
    let alias = key_path(&made).replace("/ak_", "/api_key_");
    assert_eq!(h.get(&alias).await.ok()["id"], made["id"]);
    h.conforms();
}

#[tokio::test]
async fn a_key_ends_by_expiry_revocation_or_deletion() {
    let h = Harness::start().await;
    let user = h.clerk.new_user_id();
    let make = async |name: &str| {
        let body = json!({ "name": name, "subject": user, "seconds_until_expiration": 60 });
        h.post("/v1/api_keys", body).await.ok()
    };
    let verify = async |key: &Value| {
        h.post("/api_keys/verify", json!({ "secret": key["secret"] }))
            .await
    };
    let (one, two, three) = (make("one").await, make("two").await, make("three").await);
    let why = json!({ "revocation_reason": "leaked" });
    let revoked = h
        .post(&format!("{}/revoke", key_path(&one)), why)
        .await
        .ok();
    assert_eq!(
        (&revoked["revoked"], &revoked["revocation_reason"]),
        (&json!(true), &json!("leaked"))
    );
    verify(&one).await.refused(404, "resource_not_found");
    let deleted = h.admin("DELETE", &key_path(&two), None).await.ok();
    assert_eq!(
        deleted,
        json!({ "id": two["id"], "object": "api_key", "deleted": true })
    );
    verify(&two).await.refused(404, "resource_not_found");
    verify(&three).await.ok();
    h.clerk.clock().advance(Duration::from_secs(60));
    verify(&three).await.refused(404, "resource_not_found");
    h.conforms();
}

#[tokio::test]
async fn a_name_is_taken_until_the_key_is_deleted() {
    let h = Harness::start().await;
    let (user, other) = (h.clerk.new_user_id(), h.clerk.new_user_id());
    let make = async |user: &str| {
        h.post("/api_keys", json!({ "name": "same", "subject": user }))
            .await
    };
    let first = make(&user).await.ok();
    make(&user).await.refused(409, "token_creation_conflict");
    let moved = make(&other).await.ok();
    h.post(&format!("{}/revoke", key_path(&first)), json!({}))
        .await
        .ok();
    make(&user).await.refused(409, "token_creation_conflict");
    let subject = Some(json!({ "subject": user }));
    h.admin("PATCH", &key_path(&moved), subject.clone())
        .await
        .refused(400, "bad_request");
    h.admin("DELETE", &key_path(&first), None).await.ok();
    let moved = h.admin("PATCH", &key_path(&moved), subject).await.ok();
    assert_eq!(moved["subject"], user);
    let list = h.get(&format!("/api_keys?subject={user}")).await.ok();
    assert_eq!(list["data"][0]["id"], moved["id"]);
    assert_eq!(
        h.get(&format!("/api_keys?subject={other}")).await.ok()["total_count"],
        0
    );
    h.conforms();
}

#[tokio::test]
async fn a_change_touches_only_what_it_names() {
    let h = Harness::start().await;
    let key = h
        .clerk
        .api_key(h.clerk.new_user_id())
        .scopes(["a"])
        .claims(json!(1))
        .create();
    let path = format!("/v1/api_keys/{}", key.id());
    let patch = async |body: Value| h.admin("PATCH", &path, Some(body)).await;
    let before = h.get(&path).await.ok();
    assert_eq!(patch(json!({})).await.ok(), before);
    let changed = patch(json!({ "scopes": ["b"], "description": "d" }))
        .await
        .ok();
    assert_eq!(
        (&changed["scopes"], &changed["claims"]),
        (&json!(["b"]), &json!(1))
    );
    let changed = patch(json!({ "claims": null, "seconds_until_expiration": 5 }))
        .await
        .ok();
    assert_eq!(
        (&changed["claims"], &changed["description"]),
        (&Value::Null, &json!("d"))
    );
    assert!(changed["expiration"].is_u64());
    let changed = patch(json!({ "seconds_until_expiration": null, "description": null }))
        .await
        .ok();
    assert_eq!(
        (&changed["expiration"], &changed["description"]),
        (&Value::Null, &Value::Null)
    );
    patch(json!({ "name": "no" }))
        .await
        .refused(400, "bad_request");
    patch(json!({ "scopes": "b" }))
        .await
        .refused(400, "bad_request");
    h.conforms();
}

#[tokio::test]
async fn a_list_shows_the_live_keys_of_a_subject() {
    let h = Harness::start().await;
    let org = h.clerk.new_org_id();
    let make = |name: &str| h.clerk.api_key(&org).name(name).create();
    let keys = [make("one"), make("two"), make("two-b")];
    h.clerk.api_key(h.clerk.new_org_id()).create();
    h.clerk.revoke(keys[0].id());
    let names = async |query: &str| {
        let body = h.get(&format!("/api_keys?subject={org}{query}")).await.ok();
        let names = body["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["name"].clone());
        (
            names.collect::<Vec<_>>(),
            body["total_count"].as_u64().unwrap(),
        )
    };
    assert_eq!(names("").await, (vec![json!("two-b"), json!("two")], 2));
    assert_eq!(names("&include_invalid=true").await.1, 3);
    assert_eq!(names("&limit=1&offset=1").await, (vec![json!("two")], 2));
    assert_eq!(names("&query=B").await.0, ["two-b"]);
    assert_eq!(names("&type=other").await.1, 0);
    h.get("/api_keys").await.refused(400, "bad_request");
    for value in ["null", "", "1"] {
        let path = format!("/api_keys?subject={org}&include_invalid={value}");
        h.get(&path).await.refused(400, "bad_request");
    }
    h.get("/api_keys?subject=nobody")
        .await
        .refused(400, "bad_request");
    h.get(&format!("/api_keys?subject={org}&limit=101"))
        .await
        .refused(400, "bad_request");
    h.conforms();
}

#[tokio::test]
async fn malformed_and_unknown_keys_are_refused() {
    let h = Harness::start().await;
    let user = h.clerk.new_user_id();
    for body in [
        json!({ "name": "key" }),
        json!({ "subject": user }),
        json!({ "name": "ab", "subject": user }),
        json!({ "name": " key", "subject": user }),
        json!({ "name": "key", "subject": "user_1" }),
        json!({ "name": "key", "subject": format!("scim_{}", "x".repeat(27)) }),
        json!({ "name": "key", "subject": user, "description": "x".repeat(256) }),
        json!({ "name": "key", "subject": user, "scopes": [1] }),
        json!({ "name": "key", "subject": user, "created_by": "me" }),
        json!({ "name": "key", "subject": user, "seconds_until_expiration": -1 }),
        json!({ "name": "key", "subject": user, "type": "ab" }),
        json!({ "name": "key", "subject": user, "secret": "mine" }),
    ] {
        h.post("/api_keys", body).await.refused(400, "bad_request");
    }
    let unknown = format!("/api_keys/ak_{}", "0".repeat(32));
    for (method, tail) in [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/secret"),
        ("POST", "/revoke"),
    ] {
        let body = (method != "GET" && method != "DELETE").then(|| json!({}));
        let answer = h
            .admin(method, &format!("{unknown}{tail}"), body.clone())
            .await;
        answer.refused(404, "resource_not_found");
        let answer = h
            .admin(method, &format!("/api_keys/ak_1{tail}"), body)
            .await;
        answer.refused(400, "bad_request");
    }
    h.post("/api_keys/verify", json!({}))
        .await
        .refused(400, "bad_request");
    h.post("/api_keys/verify", json!({ "secret": "ak_no" }))
        .await
        .refused(404, "resource_not_found");
    h.conforms();
}

#[tokio::test]
async fn only_the_instance_secret_opens_api_keys() {
    let h = Harness::start().await;
    let machine = h.clerk.machine("m").create();
    let key = h.clerk.api_key(h.clerk.new_user_id()).create();
    let body = Some(json!({ "secret": key.token() }));
    let answer = h
        .send("POST", "/api_keys/verify", machine.secret_key(), body)
        .await;
    answer.refused(401, "clerk_key_invalid");
    h.conforms();
}
