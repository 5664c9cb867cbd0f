//! The signing keys of the instance, their rotation, and the JWTs they sign.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// An RSA-2048 key pair with its `kid`.
pub(in crate::testing) struct SigningKey {
    pub(in crate::testing) kid: String,
    pair: RsaKeyPair,
}

/// How a rotation treats the old key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRotation {
    /// A new key under a new `kid`.
    NewKid {
        /// Whether the key set still lists the old key.
        keep_old: bool,
    },
    /// A new key with the old `kid`, which in Clerk is the instance id; the old key is removed.
    SameKid,
}

/// The current signing key, and older ones that the key set still lists.
#[derive(Clone)]
pub(in crate::testing) struct KeyRing {
    current: Arc<SigningKey>,
    old: Vec<Arc<SigningKey>>,
}

impl SigningKey {
    pub(in crate::testing) fn generate(kid: String) -> Result<Self, Unspecified> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
        Ok(Self { kid, pair })
    }

    /// Signs exactly these bytes.
    pub(in crate::testing) fn sign(&self, header: &str, claims: &str) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let input = format!(
            "{}.{}",
            encode(header.as_bytes()),
            encode(claims.as_bytes())
        );
        let mut signature = vec![0; self.pair.public_modulus_len()];
        // Signing only fails if the buffer has the wrong length. Every verifier rejects the empty
        // signature, so such a bug cannot go unnoticed.
        let signed = self.pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            input.as_bytes(),
            &mut signature,
        );
        if signed.is_err() {
            signature.clear();
        }
        format!("{input}.{}", encode(&signature))
    }

    /// The public key as PEM (SubjectPublicKeyInfo).
    pub(in crate::testing) fn pem(&self) -> String {
        let der: Result<PublicKeyX509Der<'_>, _> = self.pair.public_key().as_der();
        let text = der
            .map(|der| STANDARD.encode(der.as_ref()))
            .unwrap_or_default();
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        for line in text.as_bytes().chunks(64) {
            pem.push_str(&String::from_utf8_lossy(line));
            pem.push('\n');
        }
        pem + "-----END PUBLIC KEY-----\n"
    }

    /// The public key as JWK.
    fn jwk(&self) -> Value {
        // PKCS#1 of a 2048-bit key with the exponent 65537 has one layout:
        // SEQUENCE(4 bytes) INTEGER(4 bytes) 00 modulus(256) INTEGER(2 bytes) exponent(3).
        let der = self.pair.public_key().as_ref();
        let part = |range| URL_SAFE_NO_PAD.encode(der.get(range).unwrap_or_default());
        json!({
            "use": "sig", "kty": "RSA", "kid": self.kid, "alg": "RS256",
            "n": part(9..265), "e": part(267..270),
        })
    }

    fn verifies(&self, input: &[u8], signature: &[u8]) -> bool {
        let key =
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.pair.public_key().as_ref());
        key.verify(input, signature).is_ok()
    }
}

impl KeyRing {
    pub(in crate::testing) fn new(first: SigningKey) -> Self {
        Self {
            current: Arc::new(first),
            old: Vec::new(),
        }
    }

    pub(in crate::testing) fn current(&self) -> Arc<SigningKey> {
        Arc::clone(&self.current)
    }

    pub(in crate::testing) fn replace(&mut self, new: SigningKey, keep_old: bool) {
        let before = std::mem::replace(&mut self.current, Arc::new(new));
        if keep_old {
            self.old.push(before);
        }
    }

    pub(in crate::testing) fn remove_old(&mut self) {
        self.old.clear();
    }

    pub(in crate::testing) fn jwks(&self) -> Value {
        let keys: Vec<_> = self.listed().map(|key| key.jwk()).collect();
        json!({ "keys": keys })
    }

    /// Header and claims of a JWT that a listed key has signed.
    pub(in crate::testing) fn read(&self, jwt: &str) -> Option<(Value, Value)> {
        let (input, signature) = jwt.rsplit_once('.')?;
        let (header, claims) = input.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let (header, claims) = (decode(header)?, decode(claims)?);
        let header: Value = serde_json::from_slice(&header).ok()?;
        let kid = header.get("kid")?.as_str()?;
        let key = self.listed().find(|key| key.kid == kid)?;
        let genuine = key.verifies(input.as_bytes(), &decode(signature)?);
        Some((header, serde_json::from_slice(&claims).ok()?)).filter(|_| genuine)
    }

    /// Returns `true` if the key set lists a key under this `kid`.
    pub(in crate::testing) fn lists(&self, kid: &str) -> bool {
        self.listed().any(|key| key.kid == kid)
    }

    pub(in crate::testing) fn listed(&self) -> impl Iterator<Item = &Arc<SigningKey>> {
        std::iter::once(&self.current).chain(&self.old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_of_the_public_key_is_as_the_jwk_expects() {
        let key = SigningKey::generate("ins_x".to_owned()).unwrap();
        let jwk = key.jwk();
        assert_eq!(jwk["e"], "AQAB");
        let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
        assert_eq!(modulus.len(), 256);
        assert!(modulus[0] >= 0x80, "2048 bits, no leading zero");
    }

    #[test]
    fn a_ring_reads_what_it_signed_and_nothing_else() {
        let ring = KeyRing::new(SigningKey::generate("a".to_owned()).unwrap());
        let other = SigningKey::generate("a".to_owned()).unwrap();
        let header = r#"{"alg":"RS256","kid":"a"}"#;
        assert!(ring.read(&ring.current().sign(header, "{}")).is_some());
        assert!(ring.read(&other.sign(header, "{}")).is_none());
    }
}
