//! An M2M token: one machine of the instance calling another.

use std::sync::Arc;

use super::custom::{CustomClaims, ReadClaims};
use super::extensions::Origin;
use super::facts::{Facts, TokenFormat, shared_accessors};
use super::grants::{Granted, ScopeGrants, no_scopes};
use crate::scope::Scopes;

/// A verified M2M token.
#[derive(Debug, Clone, PartialEq)]
pub struct M2mToken {
    inner: Arc<Inner>,
    claims: ReadClaims,
    origin: Origin,
    granted: Granted,
}

#[derive(Debug, PartialEq)]
struct Inner {
    facts: Facts,
    custom_scopes: Scopes,
}

shared_accessors!(M2mToken);

impl M2mToken {
    pub(crate) fn new(facts: Facts) -> Self {
        // The custom scopes of a JWT are already among its scopes.
        let custom_scopes = match facts.format {
            TokenFormat::Jwt => Scopes::default(),
            TokenFormat::Opaque => facts
                .claims
                .as_deref()
                .map(CustomClaims::scopes)
                .unwrap_or_default(),
        };
        let inner = Inner {
            facts,
            custom_scopes,
        };
        Self {
            inner: Arc::new(inner),
            claims: ReadClaims::default(),
            origin: Origin::default(),
            granted: Granted::Nothing,
        }
    }

    pub(super) fn heap_size(&self) -> usize {
        size_of::<Inner>()
            .saturating_add(self.facts().heap_size())
            .saturating_add(self.inner.custom_scopes.heap_size())
    }

    /// Adds the scopes that this service grants to the sender. This is done for every request: a cached
    /// identity has no grants.
    pub(crate) fn grant(&mut self, grants: &ScopeGrants) {
        self.granted = grants.of(self);
    }

    /// Returns the machine (`mch_…`) that sent the token.
    #[must_use]
    pub fn machine_id(&self) -> &str {
        self.subject()
    }

    /// Returns the scopes that this service grants to the sender.
    ///
    /// They are set by
    /// [`AuthenticatorBuilder::grant_scopes`](crate::AuthenticatorBuilder::grant_scopes); without
    /// it, a machine has none. Access decisions use them, not [`scopes`](Self::scopes).
    #[must_use]
    pub fn granted_scopes(&self) -> &Scopes {
        match &self.granted {
            Granted::Nothing => no_scopes(),
            Granted::Scopes(scopes) => scopes,
            Granted::Claimed => self.claimed_scopes(),
        }
    }

    /// Returns `true` if this service grants the scope to the sender.
    ///
    /// # Security
    ///
    /// The scopes in the token are ignored: see
    /// [`MachineAuth::has_scope`](super::MachineAuth::has_scope).
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.granted_scopes().contains(scope)
    }

    /// Returns the scopes that the sender chose.
    fn claimed_scopes(&self) -> &Scopes {
        match self.inner.facts.format {
            TokenFormat::Jwt => self.scopes(),
            TokenFormat::Opaque => &self.inner.custom_scopes,
        }
    }
}
