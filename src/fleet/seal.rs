//! Seals what is written to the store, so that it can neither be read nor made nor moved there.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce};
use bytes::Bytes;

use crate::random;

/// The first byte of a sealed value.
const FORMAT: u8 = 1;

/// Lengths of what is sealed are rounded up to these, so that they tell little of it.
const STEP: usize = 256;

/// Seals and opens values under one key of the fleet.
///
/// # Security
///
/// AES-256-GCM-SIV (RFC 8452) with random nonces: one that came up twice would tell only that two
/// values are equal. What is sealed is bound to the full name under which it stands, so a value
/// that was copied to another name does not open there. A value that was put back under its own
/// name does: its reader has to look at the times inside.
pub(crate) struct Sealer(LessSafeKey);

impl Sealer {
    pub(super) const fn new(key: LessSafeKey) -> Self {
        Self(key)
    }

    /// Seals `plain` for this name; `None` where there is no randomness to be had.
    pub(super) fn seal(&self, name: &str, plain: &[u8]) -> Option<Bytes> {
        let nonce = random::bytes::<NONCE_LEN>()?;
        let mut text = padded(plain)?;
        let aad = Aad::from(name.as_bytes());
        let unique = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(unique, aad, &mut text)
            .ok()?;
        let mut sealed = Vec::with_capacity(text.len().saturating_add(NONCE_LEN).saturating_add(1));
        sealed.push(FORMAT);
        sealed.extend_from_slice(&nonce);
        sealed.append(&mut text);
        Some(sealed.into())
    }

    /// Opens what was sealed for this name; `None` for anything else.
    pub(super) fn open(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (&format, rest) = sealed.split_first()?;
        if format != FORMAT {
            return None;
        }
        let (nonce, text) = rest.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let aad = Aad::from(name.as_bytes());
        let opened = self.0.open_in_place(nonce, aad, &mut text).ok()?.len();
        text.truncate(opened);
        unpadded(text)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

/// Puts the length first and fills up with zeros.
fn padded(plain: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(plain.len()).ok()?;
    let whole = plain.len().checked_add(4)?.checked_next_multiple_of(STEP)?;
    let tag = AES_256_GCM_SIV.tag_len();
    let mut text = Vec::with_capacity(whole.checked_add(tag)?);
    text.extend_from_slice(&length.to_be_bytes());
    text.extend_from_slice(plain);
    text.resize(whole, 0);
    Some(text)
}

fn unpadded(mut text: Vec<u8>) -> Option<Vec<u8>> {
    let length = u32::from_be_bytes(*text.first_chunk()?);
    let length = usize::try_from(length).ok()?;
    text.drain(..4);
    if length > text.len() {
        return None;
    }
    text.truncate(length);
    Some(text)
}

#[cfg(test)]
mod tests {
    use crate::fleet::keys::FleetKeys;

    fn keys(secret: u8) -> FleetKeys {
        FleetKeys::derive(&[secret; 32], "https://api.clerk.com").unwrap()
    }

    #[test]
    fn rule_20_a_sealed_value_opens_under_its_own_name_and_key_only() {
        let (keys, other) = (keys(1), keys(2));
        let sealed = keys.sealer().seal("a", b"answer").unwrap();
        assert_eq!(keys.sealer().open("a", &sealed).unwrap(), b"answer");
        assert_eq!(keys.sealer().open("b", &sealed), None);
        assert_eq!(other.sealer().open("a", &sealed), None);
        assert_ne!(sealed, keys.sealer().seal("a", b"answer").unwrap());
    }

    #[test]
    fn rule_23_a_value_with_any_bit_changed_or_any_part_missing_does_not_open() {
        let keys = keys(1);
        let sealed = keys.sealer().seal("a", b"answer").unwrap();
        for n in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.to_vec();
                changed[n] ^= 1 << bit;
                assert_eq!(keys.sealer().open("a", &changed), None, "{n}.{bit}");
            }
            assert_eq!(keys.sealer().open("a", &sealed[..n]), None, "{n}");
        }
        let longer = [&sealed[..], b"x"].concat();
        assert_eq!(keys.sealer().open("a", &longer), None);
    }

    #[test]
    fn rule_20_the_length_of_a_value_tells_little() {
        let keys = keys(1);
        let length = |of: usize| keys.sealer().seal("a", &vec![1; of]).unwrap().len();
        assert_eq!(length(0), length(252));
        assert_eq!(length(253), length(508));
        for of in [0, 1, 252, 253, 5_000] {
            let sealed = keys.sealer().seal("a", &vec![1; of]).unwrap();
            assert_eq!(keys.sealer().open("a", &sealed).unwrap(), vec![1; of]);
        }
    }
}
