//! `POST /m2m_tokens/verify`.

use std::time::Duration;

use clerk_machine_auth::testing::IssuedToken;
use serde_json::json;

use crate::emulator::harness::{Answer, Harness};

async fn verify(h: &Harness, secret: &str, token: &IssuedToken) -> Answer {
    let body = json!({ "token": token.token() });
    h.send("POST", "/m2m_tokens/verify", secret, Some(body))
        .await
}

#[tokio::test]
async fn a_machine_secret_sees_only_what_may_reach_its_machine() {
    let h = Harness::start().await;
    let b = h.clerk.machine("b").create();
    let a = h.clerk.machine("a").scoped_to(&b).create();
    let c = h.clerk.machine("c").create();
    let token = h.clerk.m2m_token(&a).claims(json!({ "x": [1] })).create();
    let seen = verify(&h, b.secret_key(), &token).await.ok();
    assert_eq!(
        (&seen["id"], &seen["subject"]),
        (&json!(token.id()), &json!(a.id()))
    );
    assert_eq!(seen["claims"], json!({ "x": [1] }));
    assert!(seen.get("token").is_none());
    assert!(seen["last_used_at"].is_u64());
    verify(&h, c.secret_key(), &token)
        .await
        .refused(404, "resource_not_found");
    verify(&h, a.secret_key(), &token)
        .await
        .refused(404, "resource_not_found");
    verify(&h, h.clerk.secret_key(), &token).await.ok();
    h.conforms();
}

#[tokio::test]
async fn inactive_and_unknown_tokens_are_404() {
    let h = Harness::start().await;
    let a = h.clerk.machine("a").create();
    let admin = h.clerk.secret_key();
    let (revoked, expired) = (
        h.clerk.m2m_token(&a).create(),
        h.clerk.m2m_token(&a).create(),
    );
    verify(&h, admin, &revoked).await.ok();
    assert!(h.clerk.revoke(revoked.id()));
    h.clerk.clock().advance(Duration::from_secs(3_599));
    verify(&h, admin, &revoked)
        .await
        .refused(404, "resource_not_found");
    verify(&h, admin, &expired).await.ok();
    h.clerk.clock().advance(Duration::from_secs(1));
    verify(&h, admin, &expired)
        .await
        .refused(404, "resource_not_found");
    let body = json!({ "token": "mt_unknown" });
    h.post("/v1/m2m_tokens/verify", body)
        .await
        .refused(404, "resource_not_found");
    assert!(!h.clerk.revoke("mt_nobody"));
    h.conforms();
}

#[tokio::test]
async fn wrong_secrets_and_bodies_are_refused() {
    let h = Harness::start().await;
    let a = h.clerk.machine("a").create();
    let token = h.clerk.m2m_token(&a).create();
    verify(&h, "ak_wrong", &token)
        .await
        .refused(401, "machine_secret_key_invalid");
    verify(&h, "sk_test_wrong", &token)
        .await
        .refused(401, "clerk_key_invalid");
    for body in [
        json!({}),
        json!({ "token": 1 }),
        json!({ "token": "x", "more": 1 }),
    ] {
        h.post("/m2m_tokens/verify", body)
            .await
            .refused(400, "bad_request");
    }
    h.conforms();
}

#[tokio::test]
async fn a_jwt_is_read_with_the_scope_of_its_sender() {
    let h = Harness::start().await;
    let b = h.clerk.machine("b").create();
    let a = h.clerk.machine("a").scoped_to(&b).create();
    let jwt = h
        .clerk
        .m2m_jwt(&a)
        .claim("tenant", 7)
        .lifetime(Duration::from_secs(60))
        .create();
    let seen = verify(&h, b.secret_key(), &jwt).await.ok();
    assert_eq!(
        (&seen["id"], &seen["claims"]),
        (&json!(jwt.id()), &json!({ "tenant": 7 }))
    );
    verify(&h, a.secret_key(), &jwt)
        .await
        .refused(404, "resource_not_found");
    let session = h
        .clerk
        .m2m_jwt(&a)
        .header("cat", "cl_B7d4PD111AAA")
        .create();
    verify(&h, h.clerk.secret_key(), &session)
        .await
        .refused(404, "resource_not_found");
    h.clerk.clock().advance(Duration::from_secs(61));
    verify(&h, b.secret_key(), &jwt)
        .await
        .refused(404, "resource_not_found");
    let other = Harness::start().await;
    let foreign = other.clerk.m2m_jwt(&a).create();
    verify(&h, h.clerk.secret_key(), &foreign)
        .await
        .refused(404, "resource_not_found");
    h.conforms();
}
