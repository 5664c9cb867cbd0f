//! JWTs with a good signature over whatever the fuzzer wrote: what is accepted is what an
//! independent reading of header and claims allows.
#![no_main]

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clerk_machine_auth::fuzzing::{Key, NOW};
use serde_json::Value;

struct Signer {
    pair: KeyPair,
    key: Key,
}

static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = pair.public_key();
    let n = public.modulus().big_endian_without_leading_zero();
    let e = public.exponent().big_endian_without_leading_zero();
    let key = Key::new(n, e).unwrap();
    Signer { pair, key }
});

fn signed(header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mut signature = vec![0; SIGNER.pair.public_modulus_len()];
    SIGNER
        .pair
        .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
        .unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The input is header and claims, with a NUL between. With less, good ones stand in.
fn parts(data: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let header = br#"{"alg":"RS256","typ":"JWT"}"#.to_vec();
    match data.iter().position(|byte| *byte == 0) {
        Some(0) | None => (header, data.strip_prefix(&[0]).unwrap_or(data).to_vec()),
        Some(at) => (data[..at].to_vec(), data[at + 1..].to_vec()),
    }
}

/// The values within a value.
fn held(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(|item| 1 + held(item)).sum(),
        Value::Object(members) => members.values().map(|member| 1 + held(member)).sum(),
        _ => 0,
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (header, claims) = parts(data);
    let token = signed(&header, &claims);
    let Some((kind, subject)) = SIGNER.key.accepts(&token) else {
        return;
    };
    let header: Value = serde_json::from_slice(&header).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(header["alg"], "RS256");
    for refused in ["crit", "b64", "jwk", "jku", "x5u", "x5c"] {
        assert!(header.get(refused).is_none());
    }
    assert!(held(&claims) <= 256);
    assert_eq!(claims["sub"], subject.as_str());
    assert!(claims["exp"].as_f64().unwrap() > (NOW - 6) as f64);
    assert!(claims.get("nbf").is_none_or(|nbf| nbf.as_f64().unwrap() < (NOW + 6) as f64));
    let is_access_token = header.get("typ").and_then(Value::as_str).is_some_and(|typ| typ.ends_with("at+jwt"));
    assert_eq!(kind == "oauth_token", is_access_token);
    assert!(subject.starts_with(if is_access_token { "user_" } else { "mch_" }));
});
