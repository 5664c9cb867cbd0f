//! An RSA key that is parsed once and verifies only RS256.

use std::fmt;

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};

const MIN_BITS: usize = 2048;

/// Why a key is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("it is not an RSA public key")]
    NotRsa,
    #[error("its modulus has fewer than 2048 bits")]
    Weak,
    #[error("it is not meant for RS256 signatures")]
    OtherUse,
    #[error("it contains private members")]
    Private,
    #[error("it has no key id")]
    KeyId,
}

/// An RSA key of at least 2048 bits.
///
/// It is parsed once, when the key set is read. jsonwebtoken's verifier parses the key for each token,
/// which takes about 2 µs of 17. Only the JWK types of jsonwebtoken are used.
pub(crate) struct VerificationKey(ParsedPublicKey);

impl VerificationKey {
    /// Creates a key from its modulus and exponent, both big-endian.
    pub(crate) fn new(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        if bits(n) < MIN_BITS {
            return Err(KeyError::Weak);
        }
        if !is_sound_exponent(e) {
            return Err(KeyError::NotRsa);
        }
        PublicKeyComponents { n, e }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map(Self)
            .map_err(|_| KeyError::NotRsa)
    }

    /// Returns `true` if this key made the signature over the message.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

impl PartialEq for VerificationKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref() == other.0.as_ref()
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerificationKey(RS256)")
    }
}

/// Returns `true` if the exponent is odd and at least 3 (RFC 8017 §3.1). With an exponent of 1, anybody
/// can sign anything.
fn is_sound_exponent(e: &[u8]) -> bool {
    let odd = e.last().is_some_and(|byte| byte % 2 == 1);
    odd && e != [1]
}

fn bits(n: &[u8]) -> usize {
    let significant = n.iter().skip_while(|byte| **byte == 0);
    let first = significant
        .clone()
        .next()
        .map_or(0, |byte| byte.leading_zeros() as usize);
    significant.count().saturating_mul(8).saturating_sub(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_7_short_moduli_are_refused() {
        assert_eq!(bits(&[0x80; 256]), 2048);
        assert_eq!(bits(&[&[0x00][..], &[0x40; 256]].concat()), 2047);
        let n = [&[0x7f][..], &[0xff; 255]].concat();
        assert_eq!(
            VerificationKey::new(&n, &[1, 0, 1]).unwrap_err(),
            KeyError::Weak
        );
    }

    #[test]
    fn rule_7_exponents_that_verify_anything_are_refused() {
        for e in [&[1][..], &[0, 1], &[2], &[0], &[]] {
            assert_eq!(
                VerificationKey::new(&[0xc1; 256], e).unwrap_err(),
                KeyError::NotRsa,
                "{e:?}"
            );
        }
        assert!(VerificationKey::new(&[0xc1; 256], &[1, 0, 1]).is_ok());
    }
}
