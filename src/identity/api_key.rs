//! An API key: a user or an organization calling through a key of its own.

use std::sync::Arc;

use super::custom::ReadClaims;
use super::extensions::Origin;
use super::facts::{Facts, shared_accessors, text_size};

/// A verified API key.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiKey {
    inner: Arc<Inner>,
    claims: ReadClaims,
    origin: Origin,
}

#[derive(Debug, PartialEq)]
struct Inner {
    facts: Facts,
    name: Option<Box<str>>,
}

shared_accessors!(ApiKey);

impl ApiKey {
    pub(crate) fn new(facts: Facts, name: Option<Box<str>>) -> Self {
        Self {
            inner: Arc::new(Inner { facts, name }),
            claims: ReadClaims::default(),
            origin: Origin::default(),
        }
    }

    pub(super) fn heap_size(&self) -> usize {
        size_of::<Inner>()
            .saturating_add(self.facts().heap_size())
            .saturating_add(text_size(self.name().map_or(0, str::len)))
    }

    /// Returns the name of the key.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.inner.name.as_deref()
    }

    /// Returns the user (`user_…`) who owns the key, if it belongs to a user.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        Some(self.subject()).filter(|subject| subject.starts_with("user_"))
    }

    /// Returns the organization (`org_…`) that owns the key, if it belongs to an organization.
    #[must_use]
    pub fn org_id(&self) -> Option<&str> {
        Some(self.subject()).filter(|subject| subject.starts_with("org_"))
    }

    /// Returns `true` if the key has the scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().contains(scope)
    }
}
