//! An OAuth access token: an application calling for a user.

use std::sync::Arc;

use super::actor::Actor;
use super::custom::ReadClaims;
use super::extensions::Origin;
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
    extra: OAuthFacts,
}

/// The facts about an OAuth token beyond those of every token.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct OAuthFacts {
    pub(crate) client_id: Option<Box<str>>,
    pub(crate) org_id: Option<Box<str>>,
    pub(crate) audience: Box<[Box<str>]>,
    /// Boxed, because few tokens are issued by a token exchange.
    pub(crate) actor: Option<Box<Actor>>,
}

shared_accessors!(OAuthToken);

impl OAuthToken {
    pub(crate) fn new(facts: Facts, extra: OAuthFacts) -> Self {
        Self {
            inner: Arc::new(Inner { facts, extra }),
            claims: ReadClaims::default(),
            origin: Origin::default(),
        }
    }

    pub(super) fn heap_size(&self) -> usize {
        let audience = self.audience().iter();
        let audience = audience.fold(0_usize, |sum, name| {
            sum.saturating_add(size_of::<Box<str>>())
                .saturating_add(text_size(name.len()))
        });
        size_of::<Inner>()
            .saturating_add(self.facts().heap_size())
            .saturating_add(text_size(self.client_id().map_or(0, str::len)))
            .saturating_add(text_size(self.org_id().map_or(0, str::len)))
            .saturating_add(audience)
            .saturating_add(self.actor().map_or(0, Actor::size))
    }

    /// Returns the user (`user_…`) on whose behalf the application calls.
    #[must_use]
    pub fn user_id(&self) -> &str {
        self.subject()
    }

    /// Returns the application to which the token was issued.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.inner.extra.client_id.as_deref()
    }

    /// Returns the organization to which the user granted access, if any.
    #[must_use]
    pub fn org_id(&self) -> Option<&str> {
        self.inner.extra.org_id.as_deref()
    }

    /// Returns the audience of the token (`aud`, RFC 8707); empty if it has none.
    ///
    /// Clerk only sets an audience for a URL that is registered as an MCP server.
    ///
    /// # Security
    ///
    /// A token without an audience, or with another one, was not issued for this service.
    /// [`AuthenticatorBuilder::audience`](crate::AuthenticatorBuilder::audience) rejects it.
    #[must_use]
    pub fn audience(&self) -> &[Box<str>] {
        &self.inner.extra.audience
    }

    /// Returns the actor that acts on behalf of the user, if the token was issued by a token
    /// exchange (`act`, RFC 8693 §4.1).
    #[must_use]
    pub fn actor(&self) -> Option<&Actor> {
        self.inner.extra.actor.as_deref()
    }

    /// Returns `true` if the token has the scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().contains(scope)
    }
}
