//! Tokens as Clerk issues them, signed with a key that is made for the run.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// The machine that the service is, and the one that sends tokens to it.
pub(crate) const ME: &str = "mch_2xhFjEI5X2qWRvtV13BzSj8H6Dk";
pub(crate) const SENDER: &str = "mch_2yhFjEI5X2qWRvtV13BzSj8H6Dk";

/// The length of the M2M JWT that is measured.
pub(crate) const JWT_LEN: usize = 790;

/// Signs JWTs with an RSA key of 2048 bits.
pub(crate) struct Issuer {
    key: RsaKeyPair,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key is made");
        Self { key }
    }

    /// The public key as PKCS #1 has it.
    pub(crate) fn public_key(&self) -> Vec<u8> {
        self.key.public_key().as_ref().to_vec()
    }

    /// The public key as PEM.
    pub(crate) fn pem(&self) -> String {
        let text = STANDARD.encode(self.public_key());
        format!("-----BEGIN RSA PUBLIC KEY-----\n{text}\n-----END RSA PUBLIC KEY-----\n")
    }

    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = SystemRandom::new();
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &random,
                message.as_bytes(),
                &mut signature,
            )
            .expect("a message is signed");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// An M2M JWT of `JWT_LEN` bytes, or of one or two more: base64 has no length of its own choice.
    pub(crate) fn m2m(&self, number: usize) -> String {
        let claims = |padding: usize| m2m_claims(number, &"x".repeat(padding)).to_string();
        let bare = self.sign(HEADER, &claims(0)).len();
        self.sign(HEADER, &claims(JWT_LEN.saturating_sub(bare) * 3 / 4))
    }
}

/// The header of an M2M JWT.
pub(crate) const HEADER: &str = r#"{"alg":"RS256","cat":"cl_B7d4PD333AAA","kid":"ins_2yhFjEI5X2qWRvtV13BzSj8H6Dk","typ":"JWT"}"#;

fn m2m_claims(number: usize, padding: &str) -> Value {
    let now = now().as_secs();
    json!({
        "iss": "https://clean-mayfly-62.clerk.accounts.dev",
        "sub": SENDER,
        "jti": format!("mt_{number:032x}"),
        "iat": now,
        "nbf": now.saturating_sub(5),
        "exp": now + 86_400,
        "scopes": [ME],
        "tenant": padding,
    })
}

pub(crate) fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// An API key of the length that Clerk's have; the benchmark's Backend API knows them all.
pub(crate) fn api_key(number: usize) -> String {
    format!("ak_{number:040x}")
}
