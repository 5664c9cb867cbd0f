//! `POST /oauth_applications/access_tokens/verify`.

use std::time::Duration;

use clerk_machine_auth::Clock as _;
use serde_json::json;

use crate::emulator::harness::{Answer, Harness};

const PATH: &str = "/oauth_applications/access_tokens/verify";

async fn verify(h: &Harness, token: &str) -> Answer {
    h.post(PATH, json!({ "access_token": token })).await
}

#[tokio::test]
async fn an_opaque_token_is_verified() {
    let h = Harness::start().await;
    let user = h.clerk.new_user_id();
    let token = h
        .clerk
        .oauth_token(&user)
        .scopes(["profile"])
        .client_id("client_1")
        .create();
    let seen = verify(&h, token.token()).await.ok();
    assert_eq!(
        (&seen["id"], &seen["subject"]),
        (&json!(token.id()), &json!(user))
    );
    assert_eq!(
        (&seen["client_id"], &seen["scopes"]),
        (&json!("client_1"), &json!(["profile"]))
    );
    let day_later = h.clerk.clock().unix_time().as_secs() + 86_400;
    assert_eq!(seen["expiration"], day_later, "in seconds");
    let alias = h
        .post(&format!("/v1{PATH}"), json!({ "secret": token.token() }))
        .await
        .ok();
    assert_eq!(alias["id"], token.id());
    h.conforms();
}

#[tokio::test]
async fn an_inactive_opaque_token_is_404() {
    let h = Harness::start().await;
    let user = h.clerk.new_user_id();
    let (one, two) = (
        h.clerk.oauth_token(&user).create(),
        h.clerk.oauth_token(&user).create(),
    );
    h.clerk.revoke(one.id());
    verify(&h, one.token())
        .await
        .refused(404, "resource_not_found");
    h.clerk.clock().advance(Duration::from_secs(86_400));
    verify(&h, two.token())
        .await
        .refused(404, "resource_not_found");
    verify(&h, "oat_no")
        .await
        .refused(404, "resource_not_found");
    h.post(PATH, json!({})).await.refused(400, "bad_request");
    let wrong = h
        .send(
            "POST",
            PATH,
            "sk_test_x",
            Some(json!({ "access_token": "x" })),
        )
        .await;
    wrong.refused(401, "clerk_key_invalid");
    h.conforms();
}

#[tokio::test]
async fn an_expired_jwt_is_inactive_and_a_revoked_one_404() {
    let h = Harness::start().await;
    let user = h.clerk.new_user_id();
    let jwt = h
        .clerk
        .oauth_jwt(&user)
        .scopes(["profile", "email"])
        .create();
    let other = h.clerk.oauth_jwt(&user).create();
    let seen = verify(&h, jwt.token()).await.ok();
    assert_eq!(
        (&seen["id"], &seen["scopes"]),
        (&json!(jwt.id()), &json!(["profile", "email"]))
    );
    h.clerk.revoke(other.id());
    verify(&h, other.token())
        .await
        .refused(404, "resource_not_found");
    h.clerk.clock().advance(Duration::from_secs(86_400));
    assert_eq!(
        verify(&h, jwt.token()).await.ok(),
        json!({ "active": false })
    );
    h.conforms();
}

#[tokio::test]
async fn a_token_names_its_audience_its_actor_and_custom_scopes() {
    let h = Harness::start().await;
    let user = h.clerk.new_user_id();
    let actor = json!({ "sub": "client_agent", "act": { "sub": "client_first" } });
    let opaque = h
        .clerk
        .oauth_token(&user)
        .audience("https://mcp.example.com/mcp")
        .actor(actor.clone())
        .scopes(["messages:read", "tools:execute"])
        .create();
    let seen = verify(&h, opaque.token()).await.ok();
    assert_eq!(seen["aud"], "https://mcp.example.com/mcp");
    assert_eq!(seen["act"], actor);
    assert_eq!(seen["scopes"], json!(["messages:read", "tools:execute"]));
    let jwt = h
        .clerk
        .oauth_jwt(&user)
        .audience(json!(["https://a.example", "https://b.example"]))
        .actor(actor.clone())
        .create();
    let seen = verify(&h, jwt.token()).await.ok();
    assert_eq!(
        seen["aud"],
        json!(["https://a.example", "https://b.example"])
    );
    assert_eq!(seen["act"], actor);
    let plain = h.clerk.oauth_token(&user).create();
    let seen = verify(&h, plain.token()).await.ok();
    assert!(seen.get("aud").is_none() && seen.get("act").is_none());
}

#[tokio::test]
async fn an_audience_is_checked_in_both_formats() {
    let h = Harness::start().await;
    let me = h.clerk.machine("me").create();
    let auth = h.clerk.authenticator_builder(&me);
    let auth = auth.audience("https://mcp.example.com/mcp");
    let auth = auth.build().unwrap();
    let user = h.clerk.new_user_id();
    for (audience, good) in [
        ("https://mcp.example.com/mcp", true),
        ("https://mcp.example.com", false),
    ] {
        let opaque = h.clerk.oauth_token(&user).audience(audience).create();
        let jwt = h.clerk.oauth_jwt(&user).audience(audience).create();
        for token in [opaque.token(), jwt.token()] {
            assert_eq!(auth.verify(token).await.is_ok(), good, "{audience}");
        }
    }
    let none = h.clerk.oauth_token(&user).create();
    assert!(auth.verify(none.token()).await.is_err(), "no audience");
}
