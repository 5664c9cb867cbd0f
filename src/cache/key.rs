//! The name under which a token is remembered: a keyed hash, never the token.

use std::hash::{BuildHasherDefault, Hash, Hasher};

use aws_lc_rs::hmac;

use crate::random;

/// What a name stands for; parts the names of different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Domain {
    Jwt = 1,
    M2m = 2,
    ApiKey = 3,
    OAuth = 4,
    Machine = 5,
}

/// A name of 256 bits that only its own authenticator can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheKey([u8; 32]);

impl CacheKey {
    /// Returns a number that is uniformly random over all keys, and the same for one key.
    pub(crate) fn random_part(&self) -> u16 {
        let [.., high, low] = self.0;
        u16::from_be_bytes([high, low])
    }
}

impl Hash for CacheKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
}

/// Hashes [`CacheKey`]s in maps: they are random already.
pub(crate) type BuildKeyHasher = BuildHasherDefault<PassThrough>;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PassThrough(u64);

impl Hasher for PassThrough {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// Makes names under a random key of its own.
///
/// # Security
///
/// The hash is HMAC-SHA-256 under a key that is drawn when the authenticator is built and never
/// leaves the process. Two tokens with one name would have to be a collision of SHA-256; without
/// the key nobody can even search for one. What is hashed starts with its domain and its length,
/// so that no two inputs read alike.
pub(crate) struct KeyHasher(hmac::Key);

impl KeyHasher {
    /// Draws a key; `None` where the system has no randomness to give.
    pub(crate) fn new() -> Option<Self> {
        let key = random::bytes::<32>()?;
        Some(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    pub(crate) fn key(&self, domain: Domain, text: &str) -> CacheKey {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&[domain as u8]);
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
        let mut name = [0; 32];
        name.copy_from_slice(context.sign().as_ref());
        CacheKey(name)
    }
}

impl std::fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyHasher(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_10_names_differ_by_text_domain_and_authenticator() {
        let hasher = KeyHasher::new().unwrap();
        let name = hasher.key(Domain::M2m, "mt_a");
        assert_eq!(name, hasher.key(Domain::M2m, "mt_a"));
        assert_ne!(name, hasher.key(Domain::M2m, "mt_b"));
        assert_ne!(name, hasher.key(Domain::ApiKey, "mt_a"));
        assert_ne!(name, KeyHasher::new().unwrap().key(Domain::M2m, "mt_a"));
    }
}
