//! What a layer asks about an identity that a layer outside of it let in.

use super::{Accepted, Authenticator};
use crate::cache::CacheKey;
use crate::error::Reason;
use crate::identity::{AuthenticatorId, MachineAuth};
use crate::token::RawToken;

impl Authenticator {
    /// Returns whose JWTs are accepted, where that is known.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.core.issuer.as_deref()
    }

    pub(crate) fn id(&self) -> AuthenticatorId {
        self.core.id
    }

    /// Returns the name of a token in the caches.
    pub(crate) fn cache_key(&self, token: RawToken<'_>) -> CacheKey {
        self.core.cache_lookup(token).key
    }

    /// Checks again, without any call, what may have changed since this authenticator let an
    /// identity in, and the types and formats that are accepted here.
    pub(crate) fn check_again(&self, auth: &MachineAuth, accept: Accepted) -> Result<(), Reason> {
        if !accept.contains(auth.format(), auth.token_type()) {
            return Err(Reason::TypeNotAccepted);
        }
        self.core.check_now(auth)
    }
}
