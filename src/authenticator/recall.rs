//! The way of nearly every request: a token that is remembered, and nothing else to be done.

use std::sync::Arc;
use std::time::Duration;

use super::core::{Accepted, Core};
use super::opaque::domain;
use crate::cache::{CacheKey, Domain, Told};
use crate::identity::MachineAuth;
use crate::token::{RawToken, TokenType};

/// What is made of every token, remembered or not, before anything is known of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glance {
    /// What its first letters promise; a JWT if nothing.
    pub(super) kind: Option<TokenType>,
    /// Its name as such a token.
    pub(super) name: CacheKey,
    pub(super) now: Duration,
}

impl Core {
    /// Names a token by its first letters alone.
    pub(super) fn glance(&self, token: RawToken<'_>) -> Glance {
        let kind = token.type_hint();
        let domain = kind.map_or(Domain::Jwt, domain);
        Glance {
            kind,
            name: self.hasher.key(domain, token.as_bytes()),
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
    pub(super) fn recall(
        self: &Arc<Self>,
        glance: &Glance,
        accept: Accepted,
    ) -> Option<Told<MachineAuth>> {
        match glance.kind {
            Some(kind) => self.recall_opaque(kind, glance, accept),
            None => self.recall_jwt(glance, accept),
        }
    }

    fn recall_opaque(
        &self,
        kind: TokenType,
        glance: &Glance,
        accept: Accepted,
    ) -> Option<Told<MachineAuth>> {
        if !accept.opaque.contains(kind) {
            return None;
        }
        let auth = self.opaques.recall(&glance.name, glance.now)?;
        Some(Told::Now(self.admit_opaque(auth)))
    }

    fn recall_jwt(
        self: &Arc<Self>,
        glance: &Glance,
        accept: Accepted,
    ) -> Option<Told<MachineAuth>> {
        let generation = self.keys.as_ref()?.generation(glance.now, &self.tasks)?;
        let verdict = self.jwts.recall(&glance.name, glance.now)?;
        if verdict.generation != generation {
            return None;
        }
        Some(self.admit_jwt(verdict, accept.jwt, glance.now, None))
    }
}
