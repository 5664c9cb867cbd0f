//! Key sets, their rotation, and what is signed.

use std::time::Duration;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clerk_machine_auth::testing::KeyRotation;
use serde_json::{Value, json};

use crate::emulator::harness::Harness;

/// Whether a key of the set, chosen by `kid`, verifies a JWT.
fn verifies(keys: &Value, jwt: &str) -> bool {
    let (input, signature) = jwt.rsplit_once('.').unwrap();
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let header: Value = serde_json::from_slice(&decode(input.split('.').next().unwrap())).unwrap();
    let listed = keys["keys"].as_array().unwrap();
    let Some(key) = listed.iter().find(|key| key["kid"] == header["kid"]) else {
        return false;
    };
    let part = |name: &str| decode(key[name].as_str().unwrap());
    let public = RsaPublicKeyComponents {
        n: part("n"),
        e: part("e"),
    };
    public
        .verify(
            &RSA_PKCS1_2048_8192_SHA256,
            input.as_bytes(),
            &decode(signature),
        )
        .is_ok()
}

#[tokio::test]
async fn the_key_set_verifies_what_is_signed() {
    let h = Harness::start().await;
    let jwt = h.clerk.m2m_jwt("mch_x").create();
    for path in ["/v1/jwks", "/jwks", "/.well-known/jwks.json"] {
        let keys = h.get(path).await.ok();
        assert!(verifies(&keys, jwt.token()), "{path}");
        assert_eq!(keys["keys"][0]["alg"], "RS256");
        assert_eq!(keys["keys"][0]["kid"], h.clerk.instance_id());
    }
    let other = Harness::start().await;
    assert!(
        !verifies(&other.get("/v1/jwks").await.ok(), jwt.token()),
        "keys are not shared"
    );
    h.conforms();
}

#[tokio::test]
async fn the_private_key_set_needs_the_instance_secret_and_the_public_one_nothing() {
    let h = Harness::start().await;
    let machine = h.clerk.machine("m").create();
    let private = h.send("GET", "/v1/jwks", machine.secret_key(), None).await;
    private.refused(401, "clerk_key_invalid");
    let url = format!("{}/.well-known/jwks.json", h.clerk.issuer());
    assert_eq!(h.http.get(url).send().await.unwrap().status(), 200);
    h.conforms();
}

#[tokio::test]
async fn an_unchanged_key_set_is_304() {
    let h = Harness::start().await;
    let url = format!("{}/v1/jwks", h.clerk.api_url());
    let ask = async |tag: &str| {
        let request = h.http.get(&url).bearer_auth(h.clerk.secret_key());
        request.header("if-none-match", tag).send().await.unwrap()
    };
    let first = ask("\"none\"").await;
    assert_eq!(first.status(), 200);
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    let second = ask(&tag).await;
    assert_eq!(
        (
            second.status().as_u16(),
            second.text().await.unwrap().as_str()
        ),
        (304, "")
    );
    h.clerk.rotate_keys(KeyRotation::SameKid);
    assert_eq!(ask(&tag).await.status(), 200);
    h.conforms();
}

#[tokio::test]
async fn a_rotation_with_overlap_keeps_old_tokens_until_the_old_key_goes() {
    let h = Harness::start().await;
    let old = h.clerk.m2m_jwt("mch_x").create();
    h.clerk.rotate_keys(KeyRotation::NewKid { keep_old: true });
    let new = h.clerk.m2m_jwt("mch_x").create();
    let keys = h.get("/v1/jwks").await.ok();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2);
    assert!(verifies(&keys, old.token()) && verifies(&keys, new.token()));
    h.clerk.remove_old_keys();
    let keys = h.get("/v1/jwks").await.ok();
    assert!(!verifies(&keys, old.token()) && verifies(&keys, new.token()));
    h.conforms();
}

#[tokio::test]
async fn a_rotation_without_overlap_ends_old_tokens_under_either_kid() {
    let h = Harness::start().await;
    for rotation in [
        KeyRotation::SameKid,
        KeyRotation::NewKid { keep_old: false },
    ] {
        let old = h.clerk.m2m_jwt("mch_x").create();
        let kid = h.get("/v1/jwks").await.ok()["keys"][0]["kid"].clone();
        h.clerk.rotate_keys(rotation);
        let keys = h.get("/v1/jwks").await.ok();
        assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
        assert_eq!(
            keys["keys"][0]["kid"] == kid,
            rotation == KeyRotation::SameKid
        );
        assert!(!verifies(&keys, old.token()));
    }
}

#[tokio::test]
async fn the_pem_and_the_publishable_key_say_the_same() {
    let h = Harness::start().await;
    let pem = h.clerk.jwt_key();
    let body: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let der = STANDARD.decode(body).unwrap();
    let keys = h.get("/v1/jwks").await.ok();
    let modulus = URL_SAFE_NO_PAD
        .decode(keys["keys"][0]["n"].as_str().unwrap())
        .unwrap();
    assert!(der.windows(modulus.len()).any(|window| window == modulus));
    let host = h.clerk.publishable_key().strip_prefix("pk_test_").unwrap();
    let host = String::from_utf8(STANDARD.decode(host).unwrap()).unwrap();
    assert_eq!(
        format!("http://{}", host.strip_suffix('$').unwrap()),
        h.clerk.issuer()
    );
}

#[tokio::test]
async fn anything_can_be_signed_as_it_is() {
    let h = Harness::start().await;
    let header = format!(r#"{{"alg":"RS256","kid":"{}"}}"#, h.clerk.instance_id());
    let claims = r#"{"sub":"a", "sub":"b"}"#;
    let jwt = h.clerk.sign_raw(&header, claims);
    let sent = URL_SAFE_NO_PAD
        .decode(jwt.split('.').nth(1).unwrap())
        .unwrap();
    assert_eq!(sent, claims.as_bytes());
    assert!(verifies(&h.get("/v1/jwks").await.ok(), &jwt));
}

#[tokio::test]
async fn a_factory_jwt_can_tell_each_lie() {
    let h = Harness::start().await;
    let builder = h
        .clerk
        .m2m_jwt("mch_x")
        .claim("iss", "evil")
        .without_claim("iat");
    let builder = builder
        .header("typ", "at+jwt")
        .without_header("cat")
        .claims(json!({ "a": 1 }));
    let jwt = builder.expired_for(Duration::from_secs(10)).create();
    let mut parts = jwt
        .token()
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let mut read = || serde_json::from_slice::<Value>(&parts.next().unwrap()).unwrap();
    let (header, claims) = (read(), read());
    assert_eq!(
        (&header["typ"], header.get("cat")),
        (&json!("at+jwt"), None)
    );
    assert_eq!(
        (&claims["iss"], &claims["a"], claims.get("iat")),
        (&json!("evil"), &json!(1), None)
    );
}
