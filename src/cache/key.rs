//! The name under which a token is remembered: a keyed hash, never the token.

use std::hash::{BuildHasherDefault, Hash, Hasher};

use siphasher::sip128::{Hasher128 as _, SipHasher24};

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
    /// An identifier of a token or a subject.
    Identifier = 6,
    /// A session of a server behind the layer.
    Session = 7,
    /// Whose session it is.
    Owner = 8,
}

/// A name of 128 bits that only its own authenticator can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheKey {
    high: u64,
    low: u64,
}

impl CacheKey {
    /// Returns two numbers, each uniformly random over all keys, and the same for one key.
    pub(crate) const fn halves(&self) -> (u64, u64) {
        (self.low, self.high)
    }

    /// Returns a number that is uniformly random over all keys, and the same for one key.
    pub(crate) const fn random_part(&self) -> u16 {
        self.high as u16
    }

    /// Returns all its bits in eight such numbers.
    pub(super) fn random_parts(&self) -> [u16; 8] {
        let part = |word: u64, n: u32| (word >> n.wrapping_mul(16)) as u16;
        let (high, low) = (self.high, self.low);
        [
            part(high, 0),
            part(high, 1),
            part(high, 2),
            part(high, 3),
            part(low, 0),
            part(low, 1),
            part(low, 2),
            part(low, 3),
        ]
    }
}

impl Hash for CacheKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.low);
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
/// The hash is SipHash-2-4 with 128 bits of output, under a key of 128 bits that is drawn when the
/// authenticator is built and never leaves the process. What is hashed starts with its domain and
/// its length, so that no two inputs read alike.
///
/// Whoever can find a token with the name of another one's is taken for its owner, so names must
/// not collide for tokens that an attacker chooses:
///
/// 1. SipHash is a pseudorandom function, made for keys that are secret and messages that are
///    not (Aumasson and Bernstein, 2012). A decade of cryptanalysis has found nothing against the
///    2-4 variant beyond trying keys. To whoever lacks the key, the names of chosen tokens are
///    independent random numbers of 128 bits.
/// 2. Names are never shown. An attacker learns of each guess only whether it was taken for a
///    remembered token, which among a million of them happens once in 2¹⁰⁸ guesses, and each guess
///    is a request.
/// 3. A birthday collision, 2⁶⁴ tokens wide, is between tokens of the attacker's own that Clerk has
///    issued both of.
/// 4. A cryptographic digest would hold without the secrecy of the key as well. Whoever can read
///    the key in the memory of this process has no need of a collision.
///
/// It was chosen by measuring (`benches/README.md`, *The choice of the key hash*): on an M2M JWT it takes half the
/// time of SHA-256 and of HMAC-SHA-256 with SHA instructions, and on an opaque token a fifth of
/// it; BLAKE3 is slower than either below a few kilobytes, having one chunk to work on. HighwayHash
/// is faster on JWTs, but its authors call it strong and nobody has shown that it is a
/// pseudorandom function.
pub(crate) struct KeyHasher(SipHasher24);

impl KeyHasher {
    /// Draws a key; `None` where the system has no randomness to give.
    pub(crate) fn new() -> Option<Self> {
        let key = random::bytes::<16>()?;
        Some(Self(SipHasher24::new_with_key(&key)))
    }

    pub(crate) fn key(&self, domain: Domain, text: &[u8]) -> CacheKey {
        let mut hasher = self.0;
        // One word of eight bytes, which keeps what follows aligned to the words of the hash.
        hasher.write_u64((text.len() as u64) << 8 | domain as u64);
        hasher.write(text);
        let name = hasher.finish128();
        CacheKey {
            high: name.h2,
            low: name.h1,
        }
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
        let name = hasher.key(Domain::M2m, b"mt_a");
        assert_eq!(name, hasher.key(Domain::M2m, b"mt_a"));
        assert_ne!(name, hasher.key(Domain::M2m, b"mt_b"));
        assert_ne!(name, hasher.key(Domain::ApiKey, b"mt_a"));
        assert_ne!(name, KeyHasher::new().unwrap().key(Domain::M2m, b"mt_a"));
    }

    #[test]
    fn rule_10_domains_and_lengths_never_run_into_each_other() {
        let hasher = KeyHasher::new().unwrap();
        let domains = [
            Domain::Jwt,
            Domain::M2m,
            Domain::ApiKey,
            Domain::OAuth,
            Domain::Machine,
            Domain::Identifier,
        ];
        // Lengths whose bits would meet those of a domain if they were not kept apart.
        for length in [0, 1, 2, 5, 256, 1_024, 1_280, 8_192] {
            let text = vec![0; length];
            for (n, one) in domains.iter().enumerate() {
                for other in domains.iter().skip(n + 1) {
                    assert_ne!(hasher.key(*one, &text), hasher.key(*other, &text));
                }
            }
        }
    }
}
