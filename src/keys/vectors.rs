//! The public RS256 signature vectors (Wycheproof) against the key.

use serde::Deserialize;

use super::key::VerificationKey;
use crate::vectors::read;

#[derive(Deserialize)]
struct File {
    #[serde(rename = "testGroups")]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(rename = "publicKey")]
    key: Key,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Key {
    modulus: String,
    #[serde(rename = "publicExponent")]
    exponent: String,
}

#[derive(Deserialize)]
struct Case {
    #[serde(rename = "tcId")]
    id: u32,
    msg: String,
    sig: String,
    result: String,
}

fn hex(text: &str) -> Vec<u8> {
    let digits = if text.len() % 2 == 1 {
        format!("0{text}")
    } else {
        text.to_owned()
    };
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.as_bytes().chunks(2).map(byte).collect()
}

fn check(name: &str) -> usize {
    let Some(text) = read(&format!("wycheproof/{name}")) else {
        return 0;
    };
    let file: File = serde_json::from_str(&text).unwrap();
    let mut cases = 0;
    for group in file.groups {
        let modulus = hex(&group.key.modulus);
        let modulus = &modulus[modulus.iter().position(|byte| *byte != 0).unwrap()..];
        let key = VerificationKey::new(modulus, &hex(&group.key.exponent)).unwrap();
        for case in group.tests {
            // `acceptable` is a DigestInfo without its NULL, which RFC 8017 forbids to make.
            let expected = case.result == "valid";
            let found = key.verifies(&hex(&case.msg), &hex(&case.sig));
            assert_eq!(found, expected, "{name} {}", case.id);
            cases += 1;
        }
    }
    cases
}

#[test]
fn rule_6_the_public_rs256_vectors_are_decided_as_they_say() {
    for (name, expected) in [
        ("rsa_signature_2048_sha256_test.json", 259),
        ("rsa_signature_3072_sha256_test.json", 259),
        ("rsa_signature_4096_sha256_test.json", 258),
    ] {
        let cases = check(name);
        assert!(cases == expected || cases == 0, "{name}: {cases}");
    }
}
