//! The cache key of a token: a keyed hash, never the token itself.

use std::hash::{BuildHasherDefault, Hash, Hasher};

use siphasher::sip128::{Hasher128 as _, SipHasher24};

use super::nh::{self, NhKey};
use crate::random;

/// The domain of a cache key, which separates the keys of different things.
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
    /// The owner of a session.
    Owner = 8,
}

/// A key of 128 bits that only its own authenticator can compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheKey {
    high: u64,
    low: u64,
}

impl CacheKey {
    /// Returns two numbers that are uniformly random over all keys, and always the same for one key.
    pub(crate) const fn halves(&self) -> (u64, u64) {
        (self.low, self.high)
    }

    /// Puts a name together that was taken apart by [`halves`](Self::halves).
    pub(crate) const fn from_halves(low: u64, high: u64) -> Self {
        Self { high, low }
    }

    /// Returns a number that is uniformly random over all keys, and always the same for one key.
    pub(crate) const fn random_part(&self) -> u16 {
        self.high as u16
    }

    /// Returns all bits of the key as eight such numbers.
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

/// Hashes [`CacheKey`]s in maps. They are random already, so their bits are used as they are.
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

/// Computes cache keys under random hash keys.
///
/// # Security
///
/// A text shorter than 64 bytes is hashed with SipHash-2-4-128. A longer one is shortened with
/// [NH](super::nh) first. SipHash's input starts with the domain and the length of the text. Both hash
/// keys are drawn when the authenticator is built, are independent of each other, and never leave the
/// process. Those of a fleet are derived from its secret, and are the same in all replicas.
///
/// A token that has the cache key of another token would be accepted as that token. Cache keys must
/// therefore not collide for tokens that an attacker chooses:
///
/// 1. SipHash is a pseudorandom function, designed for secret keys and known messages (Aumasson and
///    Bernstein, 2012). A decade of cryptanalysis has found nothing better against the 2-4 variant than
///    trying keys. Without the key, the hashes of different inputs are independent random numbers of
///    128 bits.
/// 2. Texts of different domains or lengths, short and long ones included, give SipHash different
///    inputs. Long texts of one length give the same input with a probability of at most 2⁻¹²⁸, if they
///    were chosen independently of NH's key. The docs of [`nh`](super::nh) contain the proof.
/// 3. They are chosen independently. As long as no two inputs of SipHash were equal, cache keys are
///    random numbers that do not depend on NH's key, and neither does anything that follows from them:
///    hits, places in a map, their timing. After q texts, the probability that two inputs were equal is
///    at most q²/2 × 2⁻¹²⁸, that of a birthday collision of random keys. (This is the usual argument
///    for a universal hash below a pseudorandom function, as in UMAC.)
/// 4. Cache keys are never exposed. For each guess, an attacker learns only whether it was accepted as
///    a cached token. With a million cached tokens, that happens once in 2¹⁰⁷ guesses: half of these by
///    NH, half by SipHash. Each guess is a request.
/// 5. A birthday collision takes 2⁶⁴ tokens. Both colliding tokens would be the attacker's own, issued
///    by Clerk.
///
/// The third step is the weakest. NH alone is broken once anything about its key is known. Only SipHash
/// may therefore see its output, and the time of its multiplications must not depend on the operands.
/// It does not on the 64-bit processors of servers. It may on small 32-bit processors whose multipliers
/// finish early. An attacker who can read keys in the memory of this process does not need a collision.
///
/// Hashing only the signature of a JWT would be faster, and unsound: the signature of a valid token
/// behind other claims would be accepted as that token.
///
/// The hash was chosen by measurement (`benches/README.md`, *The choice of the key hash*).
pub(crate) struct KeyHasher {
    sip: (u64, u64),
    nh: NhKey,
}

impl KeyHasher {
    /// How many random bytes the keys take.
    pub(crate) const KEY_LEN: usize = 16 + NhKey::LEN;

    /// Draws the hash keys. Returns `None` if the system provides no randomness.
    pub(crate) fn new() -> Option<Self> {
        random::bytes().map(|key| Self::with_key(&key))
    }

    /// Uses a key that the replicas of a fleet share and nobody else knows.
    pub(crate) fn with_key(key: &[u8; Self::KEY_LEN]) -> Self {
        let (low, rest) = key.split_first_chunk().unwrap_or((&[0; 8], &[]));
        let (high, nh) = rest.split_first_chunk().unwrap_or((&[0; 8], &[]));
        Self {
            sip: (u64::from_le_bytes(*low), u64::from_le_bytes(*high)),
            nh: NhKey::with_key(nh),
        }
    }

    pub(crate) fn key(&self, domain: Domain, text: &[u8]) -> CacheKey {
        let mut sip = SipHasher24::new_with_keys(self.sip.0, self.sip.1);
        // One word of eight bytes, so that what follows stays aligned to the words of the hash.
        sip.write_u64((text.len() as u64) << 8 | domain as u64);
        let name = if text.len() < nh::MIN_LEN {
            sip.hash(text)
        } else {
            self.nh.digests(text).for_each(|digest| sip.write(&digest));
            sip.finish128()
        };
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
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn rule_10_a_name_is_siphash_of_domain_length_and_text_or_its_nh() {
        let hasher = KeyHasher::new().unwrap();
        for length in [0, 1, 63, 64, 790, 1_024, 1_025, 8_192] {
            let text = vec![b'e'; length];
            let mut input = ((length as u64) << 8 | 4).to_le_bytes().to_vec();
            if length < 64 {
                input.extend(&text);
            } else {
                input.extend(hasher.nh.digests(&text).flatten());
            }
            let sip = SipHasher24::new_with_keys(hasher.sip.0, hasher.sip.1).hash(&input);
            let name = hasher.key(Domain::OAuth, &text);
            assert_eq!((name.low, name.high), (sip.h1, sip.h2), "{length}");
        }
    }

    /// Texts of one length that differ as little, or as regularly, as texts can.
    fn structured(length: usize) -> HashSet<Vec<u8>> {
        let mut texts = HashSet::new();
        for byte in [0, 1, b'A', 0x80, 0xff] {
            let even = vec![byte; length];
            for place in [0, 7, 8, 15, 16, length / 2, length.saturating_sub(1)] {
                let mut text = even.clone();
                if let Some(byte) = text.get_mut(place) {
                    *byte ^= 1;
                }
                texts.insert(text);
            }
            texts.insert(even);
        }
        // The same words in another order, and words whose sums are the same.
        let rising: Vec<u8> = (0..length).map(|n| (n / 8) as u8).collect();
        for size in [8, 16, 32] {
            let mut turned = rising.clone();
            turned
                .chunks_exact_mut(2 * size)
                .for_each(|two| two.rotate_left(size));
            texts.insert(turned);
        }
        texts.insert(rising);
        texts
    }

    #[test]
    fn rule_10_structured_texts_of_all_lengths_have_different_names() {
        let hasher = KeyHasher::new().unwrap();
        let (mut names, mut count) = (HashSet::new(), 0);
        for length in (0..=1_060).chain([2_047, 2_048, 2_049, 2_064, 8_191, 8_192]) {
            for text in structured(length) {
                let name = hasher.key(Domain::Jwt, &text);
                names.insert((name.low, name.high));
                count += 1;
            }
        }
        assert_eq!(names.len(), count);
        assert!(count > 30_000, "{count}");
    }

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
