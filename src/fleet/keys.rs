//! The keys of a fleet, all derived from one secret, and the names that are made with them.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM_SIV, LessSafeKey, UnboundKey};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::seal::Sealer;
use crate::cache::KeyHasher;

/// The version of everything that is written: names, sealed values, and their meaning. Replicas of
/// another version have other keys, so neither reads the other.
const VERSION: &str = "1";

/// The shortest secret that is taken (RFC 5869 asks for input with enough entropy; a random secret
/// of this length has more than the hash can hold).
pub(super) const SHORTEST_SECRET: usize = 32;

/// What one secret of the fleet gives.
pub(crate) struct FleetKeys {
    /// What every name in the store begins with; tells two fleets apart.
    prefix: String,
    names: hmac::Key,
    sealer: Sealer,
    hasher: Arc<KeyHasher>,
}

impl FleetKeys {
    /// Derives the keys (RFC 5869) for this API URL; `None` only if the library refuses.
    ///
    /// # Security
    ///
    /// The secret itself is not kept. Each key has a label of its own, and the API URL is part of
    /// all of them: what was learnt from one Clerk never counts for another.
    pub(crate) fn derive(secret: &[u8], api_url: &str) -> Option<Self> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"clerk-machine-auth fleet");
        let root = salt.extract(secret);
        let expand = |label: &str, out: &mut [u8]| {
            let info = [VERSION.as_bytes(), label.as_bytes(), api_url.as_bytes()];
            let okm = root.expand(&info, Length(out.len())).ok()?;
            okm.fill(out).ok()
        };
        let (mut id, mut hasher) = ([0; 9], [0; KeyHasher::KEY_LEN]);
        let (mut names, mut seal) = ([0; 32], [0; 32]);
        expand(" id ", &mut id)?;
        expand(" cache ", &mut hasher)?;
        expand(" names ", &mut names)?;
        expand(" seal ", &mut seal)?;
        let seal = UnboundKey::new(&AES_256_GCM_SIV, &seal).ok()?;
        let id = URL_SAFE_NO_PAD.encode(id);
        Some(Self {
            prefix: format!("cma:{VERSION}:{{{id}}}:"),
            names: hmac::Key::new(hmac::HMAC_SHA256, &names),
            sealer: Sealer::new(LessSafeKey::new(seal)),
            hasher: Arc::new(KeyHasher::with_key(&hasher)),
        })
    }

    /// Returns what hashes tokens for the caches of all replicas alike, so that one can tell
    /// another which entry to forget.
    pub(crate) fn hasher(&self) -> Arc<KeyHasher> {
        Arc::clone(&self.hasher)
    }

    pub(crate) const fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// Returns the full name of a thing of which there is one.
    pub(super) fn single(&self, what: &str) -> String {
        format!("{}{what}", self.prefix)
    }

    /// Returns a keyed hash of these parts, of 128 bits; no other parts have it.
    ///
    /// # Security
    ///
    /// Without the key nobody can tell whether a token that they guess is the one behind a name.
    pub(super) fn hash(&self, parts: &[&[u8]]) -> String {
        let mut context = hmac::Context::with_key(&self.names);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let tag = context.sign();
        URL_SAFE_NO_PAD.encode(tag.as_ref().get(..16).unwrap_or_default())
    }
}

impl fmt::Debug for FleetKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetKeys").finish_non_exhaustive()
    }
}

/// How many bytes are derived.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: &[u8], url: &str) -> FleetKeys {
        FleetKeys::derive(secret, url).unwrap()
    }

    #[test]
    fn rule_20_names_differ_by_secret_api_url_and_parts() {
        let a = keys(&[7; 32], "https://api.clerk.com");
        assert_eq!(
            a.hash(&[b"M2m", b"mt_1"]),
            keys(&[7; 32], "https://api.clerk.com").hash(&[b"M2m", b"mt_1"])
        );
        for other in [
            a.hash(&[b"M2m", b"mt_2"]),
            a.hash(&[b"M2mm", b"t_1"]),
            a.hash(&[b"M2mmt_1"]),
            keys(&[8; 32], "https://api.clerk.com").hash(&[b"M2m", b"mt_1"]),
            keys(&[7; 32], "https://api.clerk.example").hash(&[b"M2m", b"mt_1"]),
        ] {
            assert_ne!(a.hash(&[b"M2m", b"mt_1"]), other);
        }
        let other_url = keys(&[7; 32], "https://api.clerk.example");
        assert_ne!(a.single("ev"), other_url.single("ev"));
    }

    #[test]
    fn rule_20_replicas_hash_tokens_for_their_caches_alike_and_fleets_do_not() {
        use crate::cache::Domain;
        let key = |secret: u8| {
            let hasher = keys(&[secret; 32], "https://api.clerk.com").hasher();
            hasher.key(Domain::M2m, b"mt_1")
        };
        assert_eq!(key(1), key(1));
        assert_ne!(key(1), key(2));
    }

    #[test]
    fn rule_20_nothing_secret_is_shown() {
        let keys = keys(&[7; 32], "https://api.clerk.com");
        assert_eq!(format!("{keys:?}"), "FleetKeys { .. }");
    }
}
