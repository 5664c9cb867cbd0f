//! Creates opaque M2M tokens.

use std::time::Duration;

use serde_json::Value;

use super::issued::{IssuedToken, expiry, seeded};
use super::jwt::JwtBuilder;
use crate::testing::emulator::ClerkEmulator;
use crate::testing::jwt;
use crate::testing::state::tokens::M2mDetail;

/// Builder for an opaque M2M token.
#[derive(Debug)]
#[must_use = "call `.create()`"]
pub struct M2mTokenBuilder<'a> {
    emulator: &'a ClerkEmulator,
    machine: String,
    claims: Value,
    scopes: Option<Value>,
    lifetime: Lifetime,
}

#[derive(Debug, Clone, Copy)]
enum Lifetime {
    OfMachine,
    Of(Duration),
    Endless,
}

impl M2mTokenBuilder<'_> {
    /// Sets the custom claims.
    pub fn claims(mut self, claims: Value) -> Self {
        self.claims = claims;
        self
    }

    /// Sets the claim `scopes`, a list that the sending machine chooses; not to be confused with
    /// the machines that the token may reach.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the lifetime. Default: that of its machine.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Lifetime::Of(lifetime);
        self
    }

    /// Creates a token without expiry.
    pub fn never_expires(mut self) -> Self {
        self.lifetime = Lifetime::Endless;
        self
    }

    /// Creates the token, which may reach the machines that its sender may currently reach.
    ///
    /// # Panics
    ///
    /// Panics if the machine does not exist in this emulator.
    #[track_caller]
    pub fn create(self) -> IssuedToken {
        let now = self.emulator.shared.now();
        let mut state = self.emulator.shared.state();
        let machine = seeded(state.machines.get(&self.machine).cloned());
        let expires_at = match self.lifetime {
            Lifetime::OfMachine => {
                Some(expiry(Duration::from_secs(machine.default_token_ttl), now))
            }
            Lifetime::Of(lifetime) => Some(expiry(lifetime, now)),
            Lifetime::Endless => None,
        };
        let mut claims = self.claims;
        if let Some(scopes) = self.scopes {
            claims["scopes"] = scopes;
        }
        let scopes = machine.scopes.into_iter().collect();
        let detail = M2mDetail { claims, scopes };
        let token = state.m2m.create(&machine.id, detail, expires_at, now);
        IssuedToken::new(token.id, token.secret)
    }
}

impl ClerkEmulator {
    /// Returns a builder for an opaque M2M token of a machine.
    pub fn m2m_token(&self, machine: impl AsRef<str>) -> M2mTokenBuilder<'_> {
        M2mTokenBuilder {
            emulator: self,
            machine: machine.as_ref().to_owned(),
            claims: Value::Null,
            scopes: None,
            lifetime: Lifetime::OfMachine,
        }
    }

    /// Returns a builder for an M2M JWT of a machine.
    ///
    /// The machine may be unknown, because a genuine signature for an unknown machine is worth
    /// testing. Its token has a lifetime of one hour.
    pub fn m2m_jwt(&self, machine: impl AsRef<str>) -> JwtBuilder<'_> {
        let now = self.shared.now();
        let state = self.shared.state();
        let machine = machine.as_ref();
        let ttl = state
            .machines
            .get(machine)
            .map_or(3_600, |machine| machine.default_token_ttl);
        let expires_at = expiry(Duration::from_secs(ttl), now);
        let parts = jwt::m2m(
            &state,
            machine,
            Some(expires_at),
            serde_json::Map::new(),
            now,
        );
        drop(state);
        JwtBuilder::new(self, parts, false)
    }
}
