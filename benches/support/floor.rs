//! The least that a remembered token can cost: its name, one look into moka, one extension.

use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use moka::sync::Cache;
use siphasher::sip128::{Hasher128 as _, SipHasher24};

use super::layered::{Noop, call};

/// The three steps over a cache that holds one token.
#[derive(Clone)]
pub(crate) struct Floor {
    key: SipHasher24,
    cache: Cache<Name, Identity, BuildHasherDefault<PassThrough>>,
}

/// What the floor puts into the request, of the size of an identity.
#[derive(Debug, Clone)]
struct Identity(#[allow(dead_code)] Arc<[u8; 128]>, #[allow(dead_code)] u8);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Name(u64, u64);

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.1);
    }
}

#[derive(Debug, Default)]
struct PassThrough(u64);

impl Hasher for PassThrough {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

impl Floor {
    pub(crate) fn holding(token: &str) -> Self {
        let floor = Self {
            key: SipHasher24::new_with_keys(7, 9),
            cache: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(Duration::from_secs(3_600))
                .build_with_hasher(BuildHasherDefault::default()),
        };
        floor
            .cache
            .insert(floor.name(token), Identity(Arc::new([0; 128]), 0));
        floor
    }

    pub(crate) fn let_in(&self, token: &str, mut request: Request<()>) -> http::Response<()> {
        self.mark(token, &mut request);
        call(&mut Noop, request)
    }

    pub(crate) fn mark<B>(&self, token: &str, request: &mut Request<B>) {
        if let Some(identity) = self.cache.get(&self.name(token)) {
            request.extensions_mut().insert(identity);
        }
    }

    /// As the crate names tokens.
    fn name(&self, token: &str) -> Name {
        let mut hasher = self.key;
        hasher.write_u64((token.len() as u64) << 8 | 1);
        hasher.write(token.as_bytes());
        let name = hasher.finish128();
        Name(name.h2, name.h1)
    }
}
