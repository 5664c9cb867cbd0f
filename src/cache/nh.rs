//! NH: a universal hash that shortens a long text before it enters a pseudorandom function.
//!
//! NH is the first layer of UMAC (Black, Halevi, Krawczyk, Krovetz and Rogaway, *UMAC: Fast and
//! Secure Message Authentication*, CRYPTO '99; RFC 4418 §5.2). A text is read as words m₀, m₁, … of
//! w bits. Under a key of words k₀, k₁, … its hash is
//!
//! ```text
//! NH(k, m) = Σ ((m₂ᵢ + k₂ᵢ) mod 2ʷ) × ((m₂ᵢ₊₁ + k₂ᵢ₊₁) mod 2ʷ)   mod 2²ʷ
//! ```
//!
//! It is computed twice, the second time with the key moved on by one pair of words. This is the
//! Toeplitz construction of the same paper (RFC 4418 §5.1 reuses its `L1Key` in this way), which
//! Adiantum (Crowley and Biggers, 2018) uses with four sums of 32-bit words where this uses two of
//! 64-bit words.
//!
//! # What is proven
//!
//! *Of any two different texts of one length, chosen independently of the key, both sums agree for
//! a share of at most 2⁻²ʷ of all keys: 2⁻¹²⁸ for w = 64.* The paper has it for words of any width
//! and any number of sums. The proof is short enough to be checked here, and a test counts all keys
//! of small words:
//!
//! 1. **One product.** Let (x, x') ≠ (y, y') be pairs of words, and let k, k' be uniform and
//!    independent. For any constant d,
//!    (x + k)(x' + k') − (y + k)(y' + k') ≡ d (mod 2²ʷ) holds with a probability of at most 2⁻ʷ.
//!    Say that x' ≠ y' (the other case is the same with k and k' exchanged). Fix k'. Then
//!    c = x' + k' and e = y' + k', mod 2ʷ, are different, and it is to be shown that at most one k
//!    satisfies c(x + k) ≡ e(y + k) + d. Let two do. Replace k by k − y: with z = x − y mod 2ʷ, two
//!    values a < b satisfy c((z + a) mod 2ʷ) ≡ ea + d and the same for b. Take the difference. If
//!    neither or both of z + a and z + b pass 2ʷ, then (c − e)(b − a) ≡ 0; but this is not 0, and
//!    its magnitude is less than 2²ʷ. Otherwise only z + b passes 2ʷ, and (e − c)(b − a) + c2ʷ ≡ 0.
//!    If e > c, the left side is positive and less than (e − c)2ʷ + c2ʷ = e2ʷ < 2²ʷ. If e < c, then
//!    (c − e)(b − a) is positive and less than c2ʷ, so that the left side is again positive and
//!    less than 2²ʷ. Neither is congruent to 0.
//! 2. **One sum.** Two texts differ in some pair of words. Fix all of the key but this pair's words:
//!    what remains is step 1, with the other products in d.
//! 3. **Both sums.** Let the texts differ in pair i and in none behind it. The second sum uses words
//!    k₂ᵢ₊₂ and k₂ᵢ₊₃ for this pair. The first sum uses them only for the pairs behind i, where
//!    the texts are equal, so whether the first sums agree does not depend on them. Fix the rest of
//!    the key so that the first sums agree, which happens for at most 2⁻ʷ of it by step 2; of the
//!    two words that remain, at most 2⁻ʷ make the second sums agree as well by step 1.
//!
//! A text longer than the key is cut into chunks, each hashed under the same key. Two texts of one
//! length differ in some chunk, and for their lists of hashes to agree this chunk must collide. The
//! last 16 bytes of a text are hashed once more with the first chunk, so that a text of any length
//! is read to its end: of texts of one length, different ones still give different words.
//!
//! # What is not proven
//!
//! The hash is linear enough to compute its key from its output. Its output must only ever be the input
//! of a pseudorandom function. Nothing is claimed about texts of different lengths: their lengths have
//! to be part of that input. Nothing is claimed if the texts depend on the key.

/// The bytes of two words, which are multiplied with each other.
const PAIR: usize = 16;

/// Pairs of words in a chunk: 1 024 bytes, so that a typical JWT is one chunk.
const CHUNK: usize = 64;

/// One pair for each of a chunk, one for the end of the text, and one more for the second sum.
const KEY: usize = CHUNK + 2;

/// The minimum length. Hashing a shorter text with SipHash is as fast as hashing its NH digest.
pub(super) const MIN_LEN: usize = 64;

/// The bytes of both sums.
pub(super) const DIGEST: usize = 32;

/// Two words.
type Pair = [u64; 2];

/// A key of uniformly random words.
pub(super) struct NhKey(Box<[Pair; KEY]>);

impl NhKey {
    /// How many random bytes a key takes.
    pub(super) const LEN: usize = KEY * PAIR;

    /// Uses these bytes, of which there are [`LEN`](Self::LEN).
    pub(super) fn with_key(bytes: &[u8]) -> Self {
        let mut key = Box::new([Pair::default(); KEY]);
        for (pair, bytes) in key.iter_mut().zip(bytes.as_chunks().0) {
            *pair = words(bytes);
        }
        Self(key)
    }

    /// Returns the hash of each chunk of a text of at least [`MIN_LEN`] bytes.
    #[inline]
    pub(super) fn digests(&self, text: &[u8]) -> impl Iterator<Item = [u8; DIGEST]> {
        let mut end = text.last_chunk();
        let chunks = text.as_chunks().0.chunks(CHUNK);
        chunks.map(move |chunk| self.digest(chunk, end.take()))
    }

    #[inline]
    fn digest(&self, chunk: &[[u8; PAIR]], end: Option<&[u8; PAIR]>) -> [u8; DIGEST] {
        let mut sums = Sums::default();
        let &[mut key, ref keys @ ..] = &*self.0;
        let (used, rest) = keys.split_at_checked(chunk.len()).unwrap_or((keys, &[]));
        for (bytes, next) in chunk.iter().zip(used) {
            sums.add(words(bytes), key, *next);
            key = *next;
        }
        if let (Some(bytes), Some(next)) = (end, rest.first()) {
            sums.add(words(bytes), key, *next);
        }
        sums.to_bytes()
    }
}

/// Both sums, modulo 2¹²⁸.
#[derive(Default)]
struct Sums(u128, u128);

impl Sums {
    #[inline]
    fn add(&mut self, text: Pair, key: Pair, next: Pair) {
        self.0 = self.0.wrapping_add(product(text, key));
        self.1 = self.1.wrapping_add(product(text, next));
    }

    #[inline]
    fn to_bytes(&self) -> [u8; DIGEST] {
        let mut bytes = [0; DIGEST];
        let (first, second) = bytes.split_at_mut(PAIR);
        first.copy_from_slice(&self.0.to_le_bytes());
        second.copy_from_slice(&self.1.to_le_bytes());
        bytes
    }
}

/// Multiplies two sums of 64 bits to one product of 128.
#[inline]
fn product([a, b]: Pair, [k, l]: Pair) -> u128 {
    u128::from(a.wrapping_add(k)).wrapping_mul(u128::from(b.wrapping_add(l)))
}

#[inline]
const fn words(bytes: &[u8; PAIR]) -> Pair {
    let both = u128::from_le_bytes(*bytes);
    [both as u64, (both >> 64) as u64]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    /// One sum as the definition has it, for words of any width up to 64 bits.
    fn sum(width: u32, key: &[u64], text: &[u64]) -> u128 {
        let modulus = 1_u128 << width;
        let mut sum = 0_u128;
        for i in (0..text.len()).step_by(2) {
            let one = (u128::from(text[i]) + u128::from(key[i])) % modulus;
            let other = (u128::from(text[i + 1]) + u128::from(key[i + 1])) % modulus;
            sum = sum.wrapping_add(one * other);
        }
        if width == 64 {
            sum
        } else {
            sum % (modulus * modulus)
        }
    }

    /// The words of bytes, byte by byte.
    fn slow_words(bytes: &[u8]) -> Vec<u64> {
        let word = |n: usize| (0..8).map(|i| u64::from(bytes[8 * n + i]) << (8 * i)).sum();
        (0..bytes.len() / 8).map(word).collect()
    }

    /// All chunks as the docs describe them.
    fn slow_digests(key: &NhKey, text: &[u8]) -> Vec<[u8; DIGEST]> {
        let key = key.0.concat();
        let whole = &text[..text.len() / PAIR * PAIR];
        let mut chunks: Vec<_> = whole.chunks(CHUNK * PAIR).map(slow_words).collect();
        chunks[0].extend(slow_words(&text[text.len() - PAIR..]));
        let digest = |chunk: &Vec<u64>| {
            let sums = [sum(64, &key, chunk), sum(64, &key[2..], chunk)];
            sums.map(u128::to_le_bytes).concat().try_into().unwrap()
        };
        chunks.iter().map(digest).collect()
    }

    #[test]
    fn rule_10_nh_is_computed_as_it_is_defined() {
        let key = NhKey::with_key(&random::bytes::<{ NhKey::LEN }>().unwrap());
        let text: Vec<u8> = random::bytes::<8_200>().unwrap().into();
        let lengths = (MIN_LEN..=1_100).chain([2_047, 2_048, 2_049, 2_064, 8_191, 8_192, 8_193]);
        for length in lengths {
            let text = &text[..length];
            let digests: Vec<_> = key.digests(text).collect();
            assert_eq!(digests, slow_digests(&key, text), "{length}");
        }
        // Sums that pass 2¹²⁸.
        let (key, text) = (NhKey(Box::new([[u64::MAX; 2]; KEY])), [0; 1_024]);
        let digests: Vec<_> = key.digests(&text).collect();
        assert_eq!(digests, slow_digests(&key, &text));
    }

    /// For how many keys of six 2-bit words, at most, two of all texts of four words agree in both
    /// sums, the second of which uses the key from `shift` on.
    fn most_collisions(shift: usize) -> u32 {
        let split = |number: usize, words: usize| -> Vec<u64> {
            (0..words).map(|n| (number >> (2 * n) & 3) as u64).collect()
        };
        let texts: Vec<_> = (0..256).map(|number| split(number, 4)).collect();
        let mut collisions = vec![0; 256 * 256];
        for key in (0..4_096).map(|number| split(number, 6)) {
            let mut same = vec![vec![]; 256];
            for (n, text) in texts.iter().enumerate() {
                let sums = sum(2, &key, text) << 4 | sum(2, &key[shift..], text);
                same[sums as usize].push(n);
            }
            for texts in same {
                for (i, one) in texts.iter().enumerate() {
                    for other in &texts[i + 1..] {
                        collisions[256 * one + other] += 1;
                    }
                }
            }
        }
        collisions.into_iter().max().unwrap_or(0)
    }

    #[test]
    fn rule_10_no_two_texts_collide_for_more_keys_than_is_proven() {
        // 2⁻⁴ of all keys, where one sum taken twice has 2⁻².
        assert_eq!(most_collisions(2), 4_096 / 16);
        assert_eq!(most_collisions(0), 4_096 / 4);
    }
}
