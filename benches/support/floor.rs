//! The least that a cached token can cost: one look into moka by a name at hand, one extension.

use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use moka::sync::Cache;

use super::layered::{Noop, call};

/// The name that the floor looks for: nothing is hashed, neither the token nor its name.
const NAME: Name = Name(7, 9);

/// The two steps over a cache that holds one token.
#[derive(Clone)]
pub(crate) struct Floor(Cache<Name, Identity, BuildHasherDefault<PassThrough>>);

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
    pub(crate) fn new() -> Self {
        let cache = Cache::builder()
            .max_capacity(10_000)
            .time_to_live(Duration::from_secs(3_600))
            .build_with_hasher(BuildHasherDefault::default());
        cache.insert(NAME, Identity(Arc::new([0; 128]), 0));
        Self(cache)
    }

    pub(crate) fn let_in(&self, mut request: Request<()>) -> http::Response<()> {
        self.mark(&mut request);
        call(&mut Noop, request)
    }

    pub(crate) fn mark<B>(&self, request: &mut Request<B>) {
        if let Some(identity) = self.0.get(std::hint::black_box(&NAME)) {
            request.extensions_mut().insert(identity);
        }
    }
}
