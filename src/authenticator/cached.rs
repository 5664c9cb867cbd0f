//! The way of nearly every request: a token that is remembered, and nothing else to be done.

use std::sync::Arc;
use std::time::Duration;

use super::core::{Accepted, Core};
use super::opaque::domain;
use crate::cache::{CacheKey, Domain, Lookup};
use crate::identity::MachineAuth;
use crate::token::{RawToken, TokenType};

/// What is made of every token, remembered or not, before anything is known of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct CacheLookup {
    /// What its first letters promise; a JWT if nothing.
    pub(super) token_type: Option<TokenType>,
    /// Its name as such a token.
    pub(super) key: CacheKey,
    pub(super) now: Duration,
}

impl Core {
    /// Names a token by its first letters alone.
    pub(super) fn cache_lookup(&self, token: RawToken<'_>) -> CacheLookup {
        let token_type = token.type_hint();
        let domain = token_type.map_or(Domain::Jwt, domain);
        CacheLookup {
            token_type,
            key: self.hasher.key(domain, token.as_bytes()),
            now: self.clock.monotonic(),
        }
    }

    /// Decides on a token that is remembered and needs nothing; on all others, nothing.
    ///
    /// # Security
    ///
    /// The letters of the token have not been looked at, and need not be: a name is remembered
    /// only for a token that was read, classed and verified and is no secret of this service, and no
    /// other token has its name.
    pub(super) fn cached(
        self: &Arc<Self>,
        lookup: &CacheLookup,
        accept: Accepted,
    ) -> Option<Lookup<MachineAuth>> {
        match lookup.token_type {
            Some(token_type) => self.cached_opaque(token_type, lookup, accept),
            None => self.cached_jwt(lookup, accept),
        }
    }

    fn cached_opaque(
        &self,
        token_type: TokenType,
        lookup: &CacheLookup,
        accept: Accepted,
    ) -> Option<Lookup<MachineAuth>> {
        if !accept.opaque.contains(token_type) {
            return None;
        }
        let auth = self.opaques.get_fresh(&lookup.key, lookup.now)?;
        Some(Lookup::Ready(self.admit_opaque(auth)))
    }

    fn cached_jwt(
        self: &Arc<Self>,
        lookup: &CacheLookup,
        accept: Accepted,
    ) -> Option<Lookup<MachineAuth>> {
        let generation = self.keys.as_ref()?.generation(lookup.now, &self.tasks)?;
        let verdict = self.jwts.get_fresh(&lookup.key, lookup.now)?;
        if verdict.generation != generation {
            return None;
        }
        Some(self.admit_jwt(verdict, accept.jwt, lookup.now, None))
    }
}
