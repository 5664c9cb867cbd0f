//! Runs the public JWS vectors (Wycheproof) against this crate's parser and verification.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::JwtPolicy;
use super::header::Header;
use super::unverified::UnverifiedJwt;
use crate::keys::KeySet;
use crate::token::{Format, RawToken, classify};
use crate::vectors::read;

#[derive(Deserialize)]
struct Row {
    src: String,
    #[serde(rename = "tcId")]
    id: u32,
    comment: String,
    policy_rs256: String,
    jws: String,
    jwks: Vec<Value>,
}

impl Row {
    fn keys(&self) -> Option<KeySet> {
        KeySet::parse(json!({"keys": self.jwks}).to_string().as_bytes()).ok()
    }

    /// The JWS layer alone: header, key, signature; the payloads are no claims.
    fn has_good_signature(&self) -> bool {
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let verified = || {
            let (message, signature) = self.jws.rsplit_once('.')?;
            let (header, payload) = message.split_once('.')?;
            let header = Header::parse(&decode(header)?)?;
            decode(payload)?;
            let keys = self.keys()?;
            let signature = decode(signature)?;
            let mut named = keys.find(header.kid.as_deref());
            Some(named.any(|key| key.verifies(message.as_bytes(), &signature)))
        };
        verified() == Some(true)
    }

    /// The whole path of a token.
    fn is_accepted(&self) -> bool {
        let accepted = || {
            let token = RawToken::new(self.jws.as_bytes(), 1 << 20)
                .ok()?
                .parse()
                .ok()?;
            (classify(token)? == Format::Jwt).then_some(())?;
            let jwt = UnverifiedJwt::parse(token.as_str()).ok()?;
            let signed = jwt.verify(&self.keys()?).ok()?;
            signed
                .accept(&JwtPolicy::default(), Duration::from_secs(1))
                .ok()
        };
        accepted().is_some()
    }
}

fn rows() -> Vec<Row> {
    let lines = read("jws_vectors.jsonl");
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Two of the accepted rows have a key with the ROCA weakness (CVE-2017-15361). Their signatures are
/// valid, and only a fingerprint of the modulus would reveal it. Clerk generates the keys, so the rows
/// stay accepted.
#[test]
fn rule_6_the_public_jws_vectors_are_decided_as_their_policy_says() {
    let rows = rows();
    for row in &rows {
        let expected = row.policy_rs256 == "accept";
        let name = format!("{} {} {}", row.src, row.id, row.comment);
        assert_eq!(row.has_good_signature(), expected, "{name}");
    }
    let accepted = rows.iter().filter(|row| row.has_good_signature()).count();
    assert_eq!((rows.len(), accepted), (476, 12));
}

#[test]
fn rule_6_the_whole_path_rejects_every_public_jws_vector() {
    for row in rows() {
        assert!(!row.is_accepted(), "{} {} {}", row.src, row.id, row.comment);
    }
}
