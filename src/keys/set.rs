//! A set of keys as an instance publishes it (RFC 7517 §5).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
    RSAKeyParameters,
};
use serde::Deserialize;
use serde_json::Value;

use super::key::{KeyError, VerificationKey};

/// The maximum number of keys in one set. Clerk publishes one or two.
const MAX_KEYS: usize = 64;

/// The maximum number of keys that are tried for one token: the old and the new one of a rotation.
const MAX_KEYS_OF_ONE_ID: usize = 2;

/// Members that only private or symmetric keys have (RFC 7518 §6.3.2, §6.4).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a document is not a usable key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeySetError {
    #[error("it is not a JWK set")]
    Syntax,
    #[error("it contains no key that is usable for RS256")]
    Empty,
}

/// The keys of one instance by key id. A set is never changed, only replaced as a whole.
#[derive(Debug, PartialEq)]
pub(crate) struct KeySet {
    keys: Keys,
}

#[derive(Debug, PartialEq)]
enum Keys {
    /// A configured key. The `kid` of a token is ignored.
    Static(VerificationKey),
    Published(Vec<(Box<str>, VerificationKey)>),
}

impl KeySet {
    pub(crate) fn fixed(key: VerificationKey) -> Self {
        Self {
            keys: Keys::Static(key),
        }
    }

    /// Parses a published set.
    ///
    /// A key that cannot be used is skipped, and the others are used. A set without any usable key is
    /// an error, so that a broken response never replaces working keys.
    pub(crate) fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let document: Document =
            serde_json::from_slice(document).map_err(|_| KeySetError::Syntax)?;
        let read = document
            .keys
            .into_iter()
            .take(MAX_KEYS)
            .filter_map(|jwk| match read(jwk) {
                Ok(key) => Some(key),
                Err(reason) => {
                    tracing::warn!(%reason, "a published key is skipped");
                    None
                }
            });
        let keys = at_most_two_of_one_id(read.collect());
        if keys.is_empty() {
            Err(KeySetError::Empty)
        } else {
            Ok(Self {
                keys: Keys::Published(keys),
            })
        }
    }

    /// Returns the keys that a token names: none, one or two.
    ///
    /// A token without `kid` is tried with the only key of the set, and with none if there are more.
    /// Trying each key in turn would let one request cost many verifications.
    pub(crate) fn find(&self, kid: Option<&str>) -> impl Iterator<Item = &VerificationKey> {
        let (pinned, published) = match &self.keys {
            Keys::Static(key) => (Some(key), [].as_slice()),
            Keys::Published(keys) => (None, keys.as_slice()),
        };
        let is_only = published.len() == 1;
        let is_named = move |id: &str| kid.map_or(is_only, |kid| kid == id);
        let named = published.iter().filter(move |(id, _)| is_named(id));
        pinned.into_iter().chain(named.map(|(_, key)| key))
    }
}

/// Creates a set of one key, for fuzzing.
#[cfg(fuzzing)]
pub(crate) fn fixed(n: &[u8], e: &[u8]) -> Option<KeySet> {
    VerificationKey::new(n, e).ok().map(KeySet::fixed)
}

/// Keeps two keys per id and skips further ones.
///
/// Clerk's `kid` is the id of the instance, so a rotation may publish the old and the new key under the
/// same id. Each of them costs a verification, hence the bound.
fn at_most_two_of_one_id(
    keys: Vec<(Box<str>, VerificationKey)>,
) -> Vec<(Box<str>, VerificationKey)> {
    let mut kept: Vec<(Box<str>, VerificationKey)> = Vec::new();
    for (id, key) in keys {
        let of_this_id = || kept.iter().filter(|(other, _)| *other == id);
        if of_this_id().any(|(_, other)| *other == key) {
            continue;
        }
        if of_this_id().count() < MAX_KEYS_OF_ONE_ID {
            kept.push((id, key));
        } else {
            tracing::warn!("a published key is skipped: two others have the same key id");
        }
    }
    kept
}

fn read(jwk: Value) -> Result<(Box<str>, VerificationKey), KeyError> {
    if PRIVATE.iter().any(|name| jwk.get(*name).is_some()) {
        return Err(KeyError::Private);
    }
    let jwk: Jwk = serde_json::from_value(jwk).map_err(|_| KeyError::NotRsa)?;
    let AlgorithmParameters::RSA(rsa) = jwk.algorithm else {
        return Err(KeyError::NotRsa);
    };
    if !is_for_rs256(&jwk.common) {
        return Err(KeyError::OtherUse);
    }
    let id = jwk
        .common
        .key_id
        .filter(|id| !id.is_empty())
        .ok_or(KeyError::KeyId)?;
    Ok((id.into(), components(&rsa)?))
}

fn components(rsa: &RSAKeyParameters) -> Result<VerificationKey, KeyError> {
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::NotRsa);
    VerificationKey::new(&decode(&rsa.n)?, &decode(&rsa.e)?)
}

/// Returns `true` if a key may verify RS256. `use`, `key_ops` and `alg` are optional, and binding if
/// present (RFC 7517 §4.2–4.4).
fn is_for_rs256(common: &CommonParameters) -> bool {
    let signs = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
    let verifies = common
        .key_operations
        .as_ref()
        .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    signs && verifies && matches!(common.key_algorithm, None | Some(KeyAlgorithm::RS256))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn n(bits: usize) -> String {
        URL_SAFE_NO_PAD.encode(vec![0xc1; bits / 8])
    }

    fn jwk(kid: &str) -> Value {
        json!({"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": n(2048), "e": "AQAB"})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut jwk = jwk("a");
        jwk[name] = value;
        jwk
    }

    fn parse(keys: Value) -> Result<KeySet, KeySetError> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn rule_7_keys_that_are_not_for_rs256_are_left_out() {
        let unfit = [
            with("use", json!("enc")),
            with("key_ops", json!(["encrypt"])),
            with("alg", json!("RS512")),
            with("alg", json!("HS256")),
            with("kty", json!("EC")),
            with("kty", json!("oct")),
            with("n", json!(n(1024))),
            with("n", json!("!")),
            with("e", json!("AQ")),
            with("d", json!("AQAB")),
            with("kid", json!("")),
            json!({"kty": "RSA", "n": n(2048), "e": "AQAB"}),
            json!("no object"),
            json!(null),
        ];
        for key in unfit {
            assert_eq!(parse(json!([key])), Err(KeySetError::Empty), "{key}");
            let beside = parse(json!([key, jwk("good")])).unwrap();
            assert!(
                beside.find(Some("good")).next().is_some(),
                "{key} spoiled the set"
            );
        }
    }

    #[test]
    fn rule_7_two_keys_with_one_id_are_both_tried_and_a_third_is_not() {
        let other = |byte: u8| {
            let mut jwk = jwk("a");
            jwk["n"] = json!(URL_SAFE_NO_PAD.encode([byte; 256]));
            jwk
        };
        let count = |keys: Value| parse(keys).unwrap().find(Some("a")).count();
        assert_eq!(count(json!([jwk("a"), other(0xc3), jwk("b")])), 2);
        assert_eq!(count(json!([jwk("a"), other(0xc3), other(0xc5)])), 2);
        assert_eq!(count(json!([jwk("a"), jwk("a"), other(0xc3)])), 2);
        assert_eq!(count(json!([jwk("a"), jwk("a")])), 1, "one key named twice");
    }

    #[test]
    fn rule_7_a_broken_document_is_no_set() {
        for text in ["", "{}", "[]", "<html>", "{\"keys\":{}}", "{\"keys\":["] {
            assert_eq!(
                KeySet::parse(text.as_bytes()),
                Err(KeySetError::Syntax),
                "{text}"
            );
        }
        assert_eq!(parse(json!([])), Err(KeySetError::Empty));
    }

    #[test]
    fn rule_7_a_token_without_kid_needs_a_set_of_one() {
        assert!(
            parse(json!([jwk("a")]))
                .unwrap()
                .find(None)
                .next()
                .is_some()
        );
        assert!(
            parse(json!([jwk("a"), jwk("b")]))
                .unwrap()
                .find(None)
                .next()
                .is_none()
        );
        let key = VerificationKey::new(&[0xc1; 256], &[1, 0, 1]).unwrap();
        assert!(KeySet::fixed(key).find(Some("anything")).next().is_some());
    }
}
