//! `/m2m_tokens`: create, list, revoke.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clerk_machine_auth::Clock as _;
use serde_json::{Value, json};

use crate::emulator::harness::{Answer, Harness};

async fn create(h: &Harness, secret: &str, body: Value) -> Answer {
    h.send("POST", "/m2m_tokens", secret, Some(body)).await
}

fn now(h: &Harness) -> u64 {
    u64::try_from(h.clerk.clock().unix_time().as_millis()).unwrap()
}

#[tokio::test]
async fn a_token_carries_what_its_machine_may_reach_when_it_is_minted() {
    let h = Harness::start().await;
    let (b, c) = (h.clerk.machine("b").create(), h.clerk.machine("c").create());
    let a = h
        .clerk
        .machine("a")
        .scoped_to(&b)
        .default_token_ttl(Duration::from_secs(90))
        .create();
    let body = json!({ "claims": { "tenant": 7 } });
    let token = create(&h, a.secret_key(), body).await;
    assert_eq!(token.status, 201);
    let token = token.body;
    assert!(token["token"].as_str().unwrap().starts_with("mt_"));
    assert_eq!(token["subject"], a.id());
    assert_eq!(token["scopes"], json!([b.id()]));
    assert_eq!(token["claims"], json!({ "tenant": 7 }));
    assert_eq!(
        token["expiration"],
        now(&h) + 90_000,
        "the default of the machine"
    );

    h.clerk.revoke_grant(&a, &b);
    h.clerk.grant(&a, &c);
    let verify = json!({ "token": token["token"] });
    let seen = h.post("/m2m_tokens/verify", verify).await.ok();
    assert_eq!(seen["scopes"], json!([b.id()]), "fixed at minting");
    h.conforms();
}

#[tokio::test]
async fn a_lifetime_may_be_given_or_null() {
    let h = Harness::start().await;
    let a = h.clerk.machine("a").create();
    let expiration =
        async |body: Value| create(&h, a.secret_key(), body).await.ok()["expiration"].clone();
    let now = now(&h);
    assert_eq!(
        expiration(json!({ "seconds_until_expiration": 600.0 })).await,
        now + 600_000
    );
    assert_eq!(
        expiration(json!({ "seconds_until_expiration": 0.5 })).await,
        now + 500
    );
    assert_eq!(
        expiration(json!({ "seconds_until_expiration": null })).await,
        Value::Null
    );
    assert_eq!(expiration(json!({})).await, now + 3_600_000);
    let bare = h
        .send("POST", "/v1/m2m_tokens", a.secret_key(), None)
        .await
        .ok();
    assert_eq!(bare["expiration"], now + 3_600_000, "a body is not needed");
    h.conforms();
}

#[tokio::test]
async fn a_jwt_has_the_members_that_clerk_gives_it() {
    let h = Harness::start().await;
    let a = h.clerk.machine("a").create();
    let body =
        json!({ "token_format": "jwt", "claims": { "tenant": 7 }, "seconds_until_expiration": 60 });
    let made = create(&h, a.secret_key(), body).await.ok();
    let jwt = made["token"].as_str().unwrap();
    let mut parts = jwt
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let mut read = || serde_json::from_slice::<Value>(&parts.next().unwrap()).unwrap();
    let (header, claims) = (read(), read());
    let kid = h.clerk.instance_id();
    assert_eq!(
        header,
        json!({ "alg": "RS256", "typ": "JWT", "kid": kid, "cat": "cl_B7d4PD333AAA" })
    );
    let iat = now(&h) / 1000;
    let expected = json!({
        "jti": made["id"], "sub": a.id(), "iss": h.clerk.issuer(),
        "iat": iat, "exp": iat + 60, "tenant": 7,
    });
    assert_eq!(claims, expected);
    assert_eq!(made["expiration"], (iat + 60) * 1000);
    h.conforms();
}

#[tokio::test]
async fn a_jwt_may_not_set_reserved_claims() {
    let h = Harness::start().await;
    let a = h.clerk.machine("a").create();
    for name in ["iss", "sub", "exp", "nbf", "iat", "jti"] {
        let body = json!({ "token_format": "jwt", "claims": { name: "x" } });
        create(&h, a.secret_key(), body)
            .await
            .refused(400, "machine_token_reserved_claim");
    }
    let custom = json!({ "token_format": "jwt", "claims": { "aud": "x", "scopes": "y" } });
    create(&h, a.secret_key(), custom).await.ok();
    h.conforms();
}

#[tokio::test]
async fn only_a_machine_secret_mints() {
    let h = Harness::start().await;
    for secret in [h.clerk.secret_key(), "ak_wrong"] {
        create(&h, secret, json!({}))
            .await
            .refused(401, "machine_secret_key_invalid");
    }
    h.conforms();
}

#[tokio::test]
async fn malformed_wishes_are_400() {
    let h = Harness::start().await;
    let a = h.clerk.machine("a").create();
    for body in [
        json!({ "token_format": "saml" }),
        json!({ "seconds_until_expiration": 0 }),
        json!({ "seconds_until_expiration": "60" }),
        json!({ "min_remaining_ttl_seconds": 1.5 }),
        json!({ "min_remaining_ttl_seconds": 3600 }),
        json!({ "min_remaining_ttl_seconds": 60, "seconds_until_expiration": 60 }),
        json!({ "token_format": "jwt", "claims": [1] }),
        json!({ "secondsUntilExpiration": 60 }),
    ] {
        create(&h, a.secret_key(), body)
            .await
            .refused(400, "bad_request");
    }
    h.conforms();
}

#[tokio::test]
async fn a_token_is_reused_while_it_lives_long_enough() {
    let h = Harness::start().await;
    let b = h.clerk.machine("b").create();
    let a = h.clerk.machine("a").create();
    let mint = async |body: Value| create(&h, a.secret_key(), body).await.ok();
    let wish = || json!({ "min_remaining_ttl_seconds": 600, "claims": { "n": 1 } });
    let first = mint(wish()).await;
    assert_eq!(
        mint(wish()).await["token"],
        first["token"],
        "same claims, scopes, lifetime left"
    );
    let other = json!({ "min_remaining_ttl_seconds": 600, "claims": { "n": 2 } });
    assert_ne!(mint(other).await["id"], first["id"], "other claims");
    assert_ne!(
        mint(json!({ "claims": { "n": 1 } })).await["id"],
        first["id"],
        "not asked for"
    );
    h.clerk.clock().advance(Duration::from_secs(3_001));
    let second = mint(wish()).await;
    assert_eq!(second["created_at"], now(&h), "the others have 599 s left");
    h.clerk.revoke(second["id"].as_str().unwrap());
    let third = mint(wish()).await;
    assert_ne!(third["id"], second["id"], "revoked");
    h.clerk.grant(&a, &b);
    assert_ne!(mint(wish()).await["id"], third["id"], "other scopes");
    h.conforms();
}

#[tokio::test]
async fn a_list_shows_the_live_tokens_of_one_machine() {
    let h = Harness::start().await;
    let (a, b) = (h.clerk.machine("a").create(), h.clerk.machine("b").create());
    let tokens: Vec<_> = (0..4).map(|_| h.clerk.m2m_token(&a).create()).collect();
    h.clerk.revoke(tokens[0].id());
    h.clerk.expire(tokens[1].id());
    h.clerk.m2m_token(&b).create();
    let ids = async |secret: &str, query: &str| {
        let path = format!("/m2m_tokens?subject={}{query}", a.id());
        let body = h.send("GET", &path, secret, None).await.ok();
        let list = body["m2m_tokens"].as_array().unwrap().clone();
        let ids: Vec<_> = list
            .iter()
            .map(|token| token["id"].as_str().unwrap().to_owned())
            .collect();
        assert!(
            list.iter().all(|token| token.get("token").is_none()),
            "no secret in a list"
        );
        (ids, body["total_count"].as_u64().unwrap())
    };
    let id = |index: usize| tokens[index].id().to_owned();
    assert_eq!(ids(a.secret_key(), "").await, (vec![id(3), id(2)], 2));
    let admin = h.clerk.secret_key();
    assert_eq!(ids(admin, "&limit=1&offset=1").await, (vec![id(2)], 2));
    assert_eq!(ids(admin, "&revoked=true").await.0, [id(3), id(2), id(0)]);
    assert_eq!(ids(admin, "&expired=true&revoked=true").await.1, 4);
    assert_eq!(
        ids(admin, "&limit=10.0&offset=null&revoked=null").await.1,
        2
    );
    h.conforms();
}

#[tokio::test]
async fn a_list_has_bounds() {
    let h = Harness::start().await;
    let (a, b) = (h.clerk.machine("a").create(), h.clerk.machine("b").create());
    let foreign = format!("/m2m_tokens?subject={}", b.id());
    h.send("GET", &foreign, a.secret_key(), None)
        .await
        .refused(403, "authorization_invalid");
    let nobody = format!("/m2m_tokens?subject=mch_{}", "x".repeat(27));
    h.get(&nobody).await.refused(404, "machine_not_found");
    h.get("/m2m_tokens").await.refused(400, "bad_request");
    for query in ["limit=101", "limit=0", "offset=-1", "revoked=maybe"] {
        let path = format!("/m2m_tokens?subject={}&{query}", a.id());
        h.get(&path).await.refused(400, "bad_request");
    }
    h.get("/m2m_tokens?subject=mch_short")
        .await
        .refused(400, "bad_request");
    h.conforms();
}

#[tokio::test]
async fn a_revoked_token_keeps_its_first_reason() {
    let h = Harness::start().await;
    let (a, b) = (h.clerk.machine("a").create(), h.clerk.machine("b").create());
    let token = h.clerk.m2m_token(&a).create();
    let path = format!("/m2m_tokens/{}/revoke", token.id());
    let reason = |why: Value| Some(json!({ "revocation_reason": why }));
    let foreign = h
        .send("POST", &path, b.secret_key(), reason(Value::Null))
        .await;
    foreign.refused(404, "resource_not_found");
    let revoked = h
        .send("POST", &path, a.secret_key(), reason(json!("leaked")))
        .await
        .ok();
    assert_eq!(
        (&revoked["revoked"], &revoked["revocation_reason"]),
        (&json!(true), &json!("leaked"))
    );
    let again = h.admin("POST", &path, reason(json!("other"))).await.ok();
    assert_eq!(again["revocation_reason"], "leaked");
    h.post("/m2m_tokens/mt_x/revoke", json!({}))
        .await
        .refused(400, "bad_request");
    let unknown = format!("/m2m_tokens/mt_{}/revoke", "0".repeat(32));
    h.post(&unknown, json!({}))
        .await
        .refused(404, "resource_not_found");
    let jwt = h.clerk.m2m_jwt(&a).create();
    let path = format!("/m2m_tokens/{}/revoke", jwt.id());
    h.post(&path, json!({}))
        .await
        .refused(404, "resource_not_found");
    h.conforms();
}
