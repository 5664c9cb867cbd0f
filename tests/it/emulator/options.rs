//! Each behaviour that Clerk does not document, in its other reading.

use std::time::Duration;

use clerk_machine_auth::testing::{
    ClerkEmulator, EmulatorOptions, InactiveToken, JwtAtVerify, JwtCategory, NullExpiry, RateLimit,
    Unscoped,
};
use serde_json::{Value, json};

use crate::emulator::harness::Harness;

async fn with(change: impl FnOnce(&mut EmulatorOptions)) -> Harness {
    Harness::of(ClerkEmulator::builder().configure(change)).await
}

#[tokio::test]
async fn inactive_tokens_may_be_flagged() {
    let h =
        with(|o| (o.revoked, o.expired) = (InactiveToken::Flagged, InactiveToken::Flagged)).await;
    let machine = h.clerk.machine("m").create();
    let user = h.clerk.new_user_id();
    let m2m = [
        h.clerk.m2m_token(&machine).create(),
        h.clerk.m2m_token(&machine).create(),
    ];
    let keys = [
        h.clerk.api_key(&user).create(),
        h.clerk.api_key(&user).create(),
    ];
    let oauth = [
        h.clerk.oauth_token(&user).create(),
        h.clerk.oauth_token(&user).create(),
    ];
    for (path, field, [revoked, expired]) in [
        ("/m2m_tokens/verify", "token", &m2m),
        ("/api_keys/verify", "secret", &keys),
        (
            "/oauth_applications/access_tokens/verify",
            "access_token",
            &oauth,
        ),
    ] {
        assert!(h.clerk.revoke(revoked.id()) && h.clerk.expire(expired.id()));
        let seen = h.post(path, json!({ field: revoked.token() })).await.ok();
        assert_eq!(
            (&seen["revoked"], &seen["expired"]),
            (&json!(true), &json!(false)),
            "{path}"
        );
        let seen = h.post(path, json!({ field: expired.token() })).await.ok();
        assert_eq!(
            (&seen["revoked"], &seen["expired"]),
            (&json!(false), &json!(true)),
            "{path}"
        );
    }
    h.conforms();
}

#[tokio::test]
async fn an_unscoped_token_may_be_forbidden() {
    let h = with(|options| options.unscoped = Unscoped::Forbidden).await;
    let machine = h.clerk.machine("m").create();
    let token = h.clerk.m2m_token(&machine).create();
    let body = Some(json!({ "token": token.token() }));
    let answer = h
        .send("POST", "/m2m_tokens/verify", machine.secret_key(), body)
        .await;
    answer.refused(403, "authorization_invalid");
    h.conforms();
}

#[tokio::test]
async fn secret_for_token_is_a_leniency() {
    let h = Harness::start().await;
    let machine = h.clerk.machine("m").create();
    let token = h.clerk.m2m_token(&machine).create();
    let verify = async || {
        h.post("/m2m_tokens/verify", json!({ "secret": token.token() }))
            .await
    };
    verify().await.ok();
    h.clerk
        .configure(|options| options.secret_for_token = false);
    verify().await.refused(400, "bad_request");
    h.conforms();
}

#[tokio::test]
async fn null_may_mean_the_default_of_the_machine() {
    let h = with(|options| options.null_expiry = NullExpiry::MachineDefault).await;
    let machine = h.clerk.machine("m").create();
    let mint = async |format: &str| {
        let body = json!({ "token_format": format, "seconds_until_expiration": null });
        h.send("POST", "/m2m_tokens", machine.secret_key(), Some(body))
            .await
            .ok()
    };
    let lifetime = |token: &Value| {
        token["expiration"].as_u64().unwrap() - token["created_at"].as_u64().unwrap()
    };
    assert_eq!(lifetime(&mint("opaque").await), 3_600_000);
    h.clerk
        .configure(|options| options.null_expiry = NullExpiry::Never);
    assert_eq!(mint("opaque").await["expiration"], Value::Null);
    let jwt = lifetime(&mint("jwt").await);
    assert!(
        jwt > 315_359_000_000,
        "a JWT must expire, in ten years: {jwt}"
    );
}

#[tokio::test]
async fn a_jwt_may_be_refused_or_taken_from_anybody() {
    let h = with(|options| options.jwt_at_verify = JwtAtVerify::Refused).await;
    let machine = h.clerk.machine("m").create();
    let jwt = h.clerk.m2m_jwt(&machine).create();
    let verify = async || {
        let body = Some(json!({ "token": jwt.token() }));
        h.send("POST", "/m2m_tokens/verify", machine.secret_key(), body)
            .await
    };
    verify().await.refused(404, "resource_not_found");
    h.clerk
        .configure(|options| options.jwt_at_verify = JwtAtVerify::AnyReceiver);
    verify().await.ok();
    h.conforms();
}

#[tokio::test]
async fn the_category_may_be_another() {
    let h = with(|options| options.jwt_category = JwtCategory::Ignore).await;
    let header = |h: &Harness| {
        use base64::Engine as _;
        let jwt = h.clerk.m2m_jwt("mch_x").create();
        let head = jwt.token().split('.').next().unwrap().to_owned();
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(head)
            .unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    assert_eq!(header(&h)["cat"], "cl_I7d4PD111III");
    h.clerk
        .configure(|options| options.jwt_category = JwtCategory::Absent);
    assert_eq!(header(&h).get("cat"), None);
}

#[tokio::test]
async fn a_machine_secret_may_be_more_than_that() {
    let h = Harness::start().await;
    let machine = h.clerk.machine("m").create();
    let verify = async || {
        h.post(
            "/api_keys/verify",
            json!({ "secret": machine.secret_key() }),
        )
        .await
    };
    let keys = async || h.send("GET", "/v1/jwks", machine.secret_key(), None).await;
    verify().await.refused(404, "resource_not_found");
    keys().await.refused(401, "clerk_key_invalid");
    h.clerk.configure(|options| {
        options.machine_secret_is_api_key = true;
        options.machine_secret_reads_jwks = true;
    });
    let seen = verify().await.ok();
    assert_eq!(
        (&seen["subject"], &seen["type"]),
        (&json!(machine.id()), &json!("machine_secret"))
    );
    keys().await.ok();
    h.conforms();
}

#[tokio::test]
async fn api_keys_have_switches() {
    let h = with(|options| {
        options.create_api_key_status = 200;
        options.revoked_name_blocks = false;
    })
    .await;
    let user = h.clerk.new_user_id();
    let make = async || {
        h.post("/api_keys", json!({ "name": "key", "subject": user }))
            .await
    };
    let first = make().await;
    assert_eq!(first.status, 200);
    h.clerk.revoke(first.body["id"].as_str().unwrap());
    make().await.ok();
    h.clerk
        .configure(|options| options.api_keys_enabled = false);
    make().await.refused(422, "api_keys_not_enabled");
    let body = json!({ "secret": first.body["secret"] });
    h.post("/api_keys/verify", body)
        .await
        .refused(422, "api_keys_not_enabled");
    h.conforms();
}

#[tokio::test]
async fn oauth_times_may_be_milliseconds_and_tokens_outlive_machines() {
    let h = with(|options| {
        options.oauth_times_in_seconds = false;
        options.delete_kills_tokens = false;
        options.jwks_etag = false;
    })
    .await;
    let oauth = h.clerk.oauth_token(h.clerk.new_user_id()).create();
    let body = json!({ "access_token": oauth.token() });
    let seen = h
        .post("/oauth_applications/access_tokens/verify", body)
        .await
        .ok();
    assert!(seen["expiration"].as_u64().unwrap() > 100_000_000_000);
    let machine = h.clerk.machine("m").create();
    let token = h.clerk.m2m_token(&machine).create();
    h.clerk.delete_machine(&machine);
    h.post("/m2m_tokens/verify", json!({ "token": token.token() }))
        .await
        .ok();
    assert!(!h.get("/v1/jwks").await.headers.contains_key("etag"));
    h.conforms();
}

#[tokio::test]
async fn reserved_claims_are_a_list() {
    let h = with(|options| options.reserved_claims = vec!["aud".to_owned()]).await;
    let machine = h.clerk.machine("m").create();
    let mint = async |name: &str| {
        let body = json!({ "token_format": "jwt", "claims": { name: "x" } });
        h.send("POST", "/m2m_tokens", machine.secret_key(), Some(body))
            .await
    };
    mint("aud")
        .await
        .refused(400, "machine_token_reserved_claim");
    mint("nbf").await.ok();
}

#[tokio::test]
async fn a_rate_limit_ends_with_its_window_and_spares_the_key_set() {
    let limit = RateLimit {
        calls: 2,
        window: Duration::from_secs(10),
    };
    let h = with(|options| options.rate_limit = Some(limit)).await;
    let machine = h.clerk.machine("m").create();
    h.get("/v1/machines").await.ok();
    h.clerk.clock().advance(Duration::from_millis(3_500));
    h.send("POST", "/m2m_tokens", machine.secret_key(), None)
        .await
        .ok();
    let limited = h.get("/v1/machines").await;
    limited.refused(429, "too_many_requests");
    assert_eq!(
        limited.headers["retry-after"], "7",
        "the rest of the window, rounded up"
    );
    h.send("POST", "/m2m_tokens", machine.secret_key(), None)
        .await
        .refused(429, "too_many_requests");
    h.get("/v1/jwks").await.ok();
    h.clerk.clock().advance(Duration::from_millis(6_500));
    h.get("/v1/machines").await.ok();
    h.conforms();
}
