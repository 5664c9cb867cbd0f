//! Creates JWTs, both valid and invalid ones.

use std::time::Duration;

use serde_json::{Map, Value};

use super::issued::{IssuedToken, expiry};
use crate::testing::emulator::ClerkEmulator;
use crate::testing::ids;
use crate::testing::jwt::{self, Parts};
use crate::testing::state::store::Entry;
use crate::testing::state::tokens::{OAUTH_LIFETIME, OAuthDetail};

/// Builder for a signed JWT.
///
/// It starts with the claims and header that Clerk would issue. All of them can be replaced or
/// removed, to create every kind of invalid token.
#[derive(Debug)]
#[must_use = "call `.create()`"]
pub struct JwtBuilder<'a> {
    emulator: &'a ClerkEmulator,
    id: String,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    now: u64,
    oauth: bool,
}

impl<'a> JwtBuilder<'a> {
    pub(super) fn new(emulator: &'a ClerkEmulator, parts: Parts, oauth: bool) -> Self {
        let members = |value| {
            if let Value::Object(members) = value {
                members
            } else {
                Map::new()
            }
        };
        Self {
            emulator,
            id: parts.id,
            header: members(parts.header),
            claims: members(parts.claims),
            now: emulator.shared.now(),
            oauth,
        }
    }

    /// Sets a claim: a custom one, or a registered one such as `iss`, `sub` or `exp`.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Sets all claims in this object.
    pub fn claims(mut self, claims: Value) -> Self {
        if let Value::Object(claims) = claims {
            self.claims.extend(claims);
        }
        self
    }

    /// Removes a claim.
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets a member of the header: `typ`, `cat`, `kid`, `alg` (the signature stays RS256), or
    /// another one.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a member of the header.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Sets the lifetime from now, in whole seconds.
    pub fn lifetime(self, lifetime: Duration) -> Self {
        let exp = expiry(lifetime, self.now) / 1000;
        self.claim("exp", exp)
    }

    /// Sets the expiry to this long ago, in whole seconds.
    pub fn expired_for(self, ago: Duration) -> Self {
        let exp = (self.now / 1000).saturating_sub(ago.as_secs());
        self.claim("exp", exp)
    }

    /// Sets the audience (`aud`): a URL, or an array of URLs. Default: none, like Clerk for a
    /// resource that is not registered.
    pub fn audience(self, audience: impl Into<Value>) -> Self {
        self.claim("aud", audience)
    }

    /// Sets the scopes: those of an OAuth token (`scope`, a string), or the claim `scopes` of an
    /// M2M token, which its sender chooses (a list).
    pub fn scopes<S: AsRef<str>>(self, scopes: impl IntoIterator<Item = S>) -> Self {
        let scopes: Vec<_> = scopes
            .into_iter()
            .map(|scope| scope.as_ref().to_owned())
            .collect();
        if self.oauth {
            self.claim("scope", scopes.join(" "))
        } else {
            self.claim("scopes", scopes)
        }
    }

    /// Sets the OAuth client.
    pub fn client_id(self, client_id: &str) -> Self {
        self.claim("client_id", client_id)
    }

    /// Sets the actor that acts on behalf of the user (`act`, RFC 8693 §4.1): `{"sub": …}`, with
    /// the previous actor as a nested `act`. Default: none.
    pub fn actor(self, actor: impl Into<Value>) -> Self {
        self.claim("act", actor)
    }

    /// Sets the organization.
    pub fn org_id(self, org_id: &str) -> Self {
        self.claim("org_id", org_id)
    }

    /// Signs the JWT with the current key.
    pub fn create(self) -> IssuedToken {
        let header = Value::Object(self.header.clone());
        let token = self
            .emulator
            .sign_jwt(&header, &Value::Object(self.claims.clone()));
        if self.oauth {
            self.remember(&token);
        }
        IssuedToken::new(self.id, token)
    }

    /// Stores an OAuth JWT: Clerk knows those that it issued, and can verify and revoke them.
    fn remember(&self, token: &str) {
        let text = |name: &str| {
            self.claims
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let exp = self.claims.get("exp").and_then(Value::as_u64);
        let value = |name: &str| self.claims.get(name).cloned().unwrap_or_default();
        let scopes = text("scope").split_whitespace().map(str::to_owned);
        let detail = OAuthDetail {
            scopes: scopes.collect(),
            audience: value("aud"),
            actor: value("act"),
            ..OAuthDetail::new(text("client_id").to_owned(), true)
        };
        let entry = Entry::new(self.id.clone(), token.to_owned(), text("sub"), detail);
        let expires_at = exp.map(|exp| exp.saturating_mul(1000));
        self.emulator
            .shared
            .state()
            .oauth
            .insert(entry, expires_at, self.now);
    }
}

impl ClerkEmulator {
    /// Returns a builder for an OAuth access token of a user, as a JWT with a lifetime of one day,
    /// as in Clerk.
    pub fn oauth_jwt(&self, user: impl Into<String>) -> JwtBuilder<'_> {
        let now = self.shared.now();
        let detail = OAuthDetail::new(ids::word_id("client"), true);
        let expires_at = expiry(OAUTH_LIFETIME, now);
        let parts = jwt::oauth(&self.shared.state(), &user.into(), &detail, expires_at, now);
        JwtBuilder::new(self, parts, true)
    }
}
