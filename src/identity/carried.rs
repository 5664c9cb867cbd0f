//! How an identity travels with a request, from the layer that let it in to those inside.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Marks a request that was let in without a token.
///
/// Tells it apart from a request that no layer has looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anonymous;

/// Marks a request whose identity was put there by a layer.
///
/// No other crate can write it, so an identity that something else put into the request is not
/// taken for a layer's. Empty, so that it needs no allocation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admitted;

/// Names an authenticator, all of its clones, among those of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AuthenticatorId(NonZeroUsize);

impl AuthenticatorId {
    /// Takes a name that no other has. An address would be used again after its end.
    pub(crate) fn next() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(NonZeroUsize::new(next).unwrap_or(NonZeroUsize::MIN))
    }
}

/// The authenticator whose layer let an identity in.
///
/// Takes no part in comparisons: an identity is the same whoever verified it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Origin(pub(crate) Option<AuthenticatorId>);

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
