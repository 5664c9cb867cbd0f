//! How an identity travels in a request, from the layer that authenticated it to inner layers.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Marks a request that was admitted without a token, by a layer of this authenticator.
///
/// Distinguishes it from a request that has passed through no layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anonymous(pub(crate) AuthenticatorId);

/// Marks a request whose identity was inserted by a layer.
///
/// No other crate can create it. An identity that something else inserted into the request is therefore
/// not mistaken for a layer's. The type is empty, so that inserting it does not allocate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admitted;

/// The id of an authenticator and all its clones, unique in the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AuthenticatorId(NonZeroUsize);

impl AuthenticatorId {
    /// Returns a new id. The address of an authenticator is no alternative, because addresses are
    /// reused.
    pub(crate) fn next() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(NonZeroUsize::new(next).unwrap_or(NonZeroUsize::MIN))
    }
}

/// The authenticator whose layer authenticated an identity, and whether its verdict was used past its
/// fresh time.
///
/// Ignored by comparisons: an identity is the same regardless of the authenticator.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Origin {
    pub(crate) by: Option<AuthenticatorId>,
    pub(crate) is_stale: bool,
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
