//! Machine secrets and scopes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::emulator::harness::Harness;

#[tokio::test]
async fn a_secret_is_read_and_rotated_and_its_grace_ends() {
    let h = Harness::start().await;
    let machine = h.clerk.machine("m").create();
    let path = format!("/v1/machines/{}/secret_key", machine.id());
    let read = h.get(&path).await.ok();
    assert_eq!(
        read,
        json!({ "object": "machine_secret_key", "secret": machine.secret_key() })
    );

    let rotate = format!("{path}/rotate");
    let rotated = h
        .post(&rotate, json!({ "previous_token_ttl": 60 }))
        .await
        .ok();
    let new = rotated["secret"].as_str().unwrap();
    assert_ne!(new, machine.secret_key());
    assert_eq!(h.get(&path).await.ok()["secret"], new);
    let works = async |secret: &str| h.send("POST", "/m2m_tokens", secret, None).await;
    works(new).await.ok();
    h.clerk.clock().advance(Duration::from_secs(59));
    works(machine.secret_key()).await.ok();
    h.clerk.clock().advance(Duration::from_secs(1));
    works(machine.secret_key())
        .await
        .refused(401, "machine_secret_key_invalid");
    works(new).await.ok();
    h.conforms();
}

#[tokio::test]
async fn two_rotations_keep_both_graces_apart() {
    let h = Harness::start().await;
    let machine = h.clerk.machine("m").create();
    let second = h
        .clerk
        .rotate_machine_secret(&machine, Duration::from_secs(10));
    let third = h
        .clerk
        .rotate_machine_secret(&machine, Duration::from_secs(100));
    h.clerk.clock().advance(Duration::from_secs(50));
    let status = async |secret: &str| h.send("POST", "/m2m_tokens", secret, None).await.status;
    assert_eq!(status(machine.secret_key()).await, 401);
    assert_eq!(status(&second).await, 201);
    assert_eq!(status(&third).await, 201);
    assert_eq!(h.clerk.machine_secret(&machine), third);
}

#[tokio::test]
async fn no_grace_ends_the_old_secret_at_once() {
    let h = Harness::start().await;
    let machine = h.clerk.machine("m").create();
    let path = format!("/v1/machines/{}/secret_key/rotate", machine.id());
    h.post(&path, json!({ "previous_token_ttl": 0 })).await.ok();
    let old = h
        .send("POST", "/m2m_tokens", machine.secret_key(), None)
        .await;
    old.refused(401, "machine_secret_key_invalid");
    for (body, code) in [
        (json!({}), "form_param_missing"),
        (
            json!({ "previous_token_ttl": 28_801 }),
            "form_param_value_invalid",
        ),
        (
            json!({ "previous_token_ttl": -1 }),
            "form_param_value_invalid",
        ),
        (
            json!({ "previous_token_ttl": "60" }),
            "form_param_value_invalid",
        ),
    ] {
        h.post(&path, body).await.refused(422, code);
    }
    h.admin("POST", &path, None)
        .await
        .refused(400, "request_body_invalid");
    h.post(&path, json!({ "previous_token_ttl": 28_800 }))
        .await
        .ok();
    h.conforms();
}

#[tokio::test]
async fn secrets_of_nobody_are_404() {
    let h = Harness::start().await;
    h.get("/v1/machines/mch_x/secret_key")
        .await
        .refused(404, "machine_not_found");
    let ttl = json!({ "previous_token_ttl": 1 });
    h.post("/v1/machines/mch_x/secret_key/rotate", ttl)
        .await
        .refused(404, "machine_not_found");
    h.conforms();
}

#[tokio::test]
async fn a_scope_goes_one_way_and_once() {
    let h = Harness::start().await;
    let (a, b) = (h.clerk.machine("a").create(), h.clerk.machine("b").create());
    let path = format!("/v1/machines/{}/scopes", a.id());
    let to_b = || json!({ "to_machine_id": b.id() });
    let made = h.post(&path, to_b()).await.ok();
    assert_eq!(
        (&made["from_machine_id"], &made["to_machine_id"]),
        (&json!(a.id()), &json!(b.id()))
    );
    h.post(&path, to_b()).await.refused(409, "conflict");
    let scoped =
        async |id: &str| h.get(&format!("/machines/{id}")).await.ok()["scoped_machines"].clone();
    assert_eq!(scoped(a.id()).await[0]["id"], b.id());
    assert_eq!(scoped(b.id()).await, json!([]), "not the other way round");

    let delete = format!("{path}/{}", b.id());
    let gone = h.admin("DELETE", &delete, None).await.ok();
    assert_eq!(gone["deleted"], true);
    h.admin("DELETE", &delete, None)
        .await
        .refused(404, "resource_not_found");
    assert_eq!(scoped(a.id()).await, json!([]));

    h.post(&path, json!({}))
        .await
        .refused(422, "form_param_missing");
    h.post(&path, json!({ "to_machine_id": "mch_x" }))
        .await
        .refused(404, "machine_not_found");
    h.post("/v1/machines/mch_x/scopes", to_b())
        .await
        .refused(404, "machine_not_found");
    let nobody = format!("/v1/machines/mch_x/scopes/{}", b.id());
    h.admin("DELETE", &nobody, None)
        .await
        .refused(404, "machine_not_found");
    h.conforms();
}

#[tokio::test]
async fn a_machine_reaches_150_others_at_most() {
    let h = Harness::start().await;
    let a = h.clerk.machine("a").create();
    let add = async |to: &str| {
        h.post(
            &format!("/v1/machines/{}/scopes", a.id()),
            json!({ "to_machine_id": to }),
        )
        .await
    };
    for _ in 0..150 {
        add(h.clerk.machine("x").create().id()).await.ok();
    }
    add(h.clerk.machine("x").create().id())
        .await
        .refused(422, "form_param_value_invalid");
    h.conforms();
}

#[tokio::test]
async fn deleting_a_machine_ends_its_secret_its_tokens_and_grants_to_it() {
    let h = Harness::start().await;
    let b = h.clerk.machine("b").create();
    let a = h.clerk.machine("a").scoped_to(&b).create();
    let token = h.clerk.m2m_token(&b).create();
    h.clerk.delete_machine(&b);
    let secret = h.send("POST", "/m2m_tokens", b.secret_key(), None).await;
    secret.refused(401, "machine_secret_key_invalid");
    let body = json!({ "token": token.token() });
    h.post("/m2m_tokens/verify", body)
        .await
        .refused(404, "resource_not_found");
    let a = h.get(&format!("/v1/machines/{}", a.id())).await.ok();
    assert_eq!(a["scoped_machines"], Value::Array(Vec::new()));
}
