//! An OAuth access token: an application calling for a user.

use std::sync::Arc;

use super::facts::{Facts, shared_accessors};

/// A verified OAuth access token.
#[derive(Debug, Clone, PartialEq)]
pub struct OAuthToken(Arc<Inner>);

#[derive(Debug, PartialEq)]
struct Inner {
    facts: Facts,
    client_id: Option<Box<str>>,
    org_id: Option<Box<str>>,
}

shared_accessors!(OAuthToken);

impl OAuthToken {
    pub(crate) fn new(facts: Facts, client_id: Option<Box<str>>, org_id: Option<Box<str>>) -> Self {
        Self(Arc::new(Inner {
            facts,
            client_id,
            org_id,
        }))
    }

    /// Returns the user (`user_…`) for whom the application calls.
    #[must_use]
    pub fn user_id(&self) -> &str {
        self.subject()
    }

    /// Returns the application that the token was issued to.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.0.client_id.as_deref()
    }

    /// Returns the organization that the user granted access to, if any.
    #[must_use]
    pub fn org_id(&self) -> Option<&str> {
        self.0.org_id.as_deref()
    }

    /// Tells whether the token carries a scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().contains(scope)
    }
}
