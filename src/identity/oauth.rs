//! An OAuth access token: an application calling for a user.

use std::sync::Arc;

use super::carried::Origin;
use super::custom::ReadClaims;
use super::facts::{Facts, shared_accessors, text_size};

/// A verified OAuth access token.
#[derive(Debug, Clone, PartialEq)]
pub struct OAuthToken {
    inner: Arc<Inner>,
    claims: ReadClaims,
    origin: Origin,
}

#[derive(Debug, PartialEq)]
struct Inner {
    facts: Facts,
    client_id: Option<Box<str>>,
    org_id: Option<Box<str>>,
}

shared_accessors!(OAuthToken);

impl OAuthToken {
    pub(crate) fn new(facts: Facts, client_id: Option<Box<str>>, org_id: Option<Box<str>>) -> Self {
        let inner = Inner {
            facts,
            client_id,
            org_id,
        };
        Self {
            inner: Arc::new(inner),
            claims: ReadClaims::default(),
            origin: Origin::default(),
        }
    }

    pub(super) fn heap_size(&self) -> usize {
        size_of::<Inner>()
            .saturating_add(self.facts().heap_size())
            .saturating_add(text_size(self.client_id().map_or(0, str::len)))
            .saturating_add(text_size(self.org_id().map_or(0, str::len)))
    }

    /// Returns the user (`user_…`) for whom the application calls.
    #[must_use]
    pub fn user_id(&self) -> &str {
        self.subject()
    }

    /// Returns the application that the token was issued to.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.inner.client_id.as_deref()
    }

    /// Returns the organization that the user granted access to, if any.
    #[must_use]
    pub fn org_id(&self) -> Option<&str> {
        self.inner.org_id.as_deref()
    }

    /// Tells whether the token carries a scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().contains(scope)
    }
}
