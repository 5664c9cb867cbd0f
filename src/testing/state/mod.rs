//! What the emulator knows, free of HTTP: one value behind one lock.

pub(super) mod api_keys;
pub(super) mod instance;
pub(super) mod keys;
pub(super) mod m2m;
pub(super) mod machines;
pub(super) mod oauth;
pub(super) mod vault;

use super::options::{DeadToken, EmulatorOptions};
use super::refusal::Refusal;
use vault::Entry;

/// Everything that a request may read or change.
pub(super) struct State {
    pub(super) options: EmulatorOptions,
    pub(super) instance: instance::Instance,
    pub(super) keys: keys::KeyRing,
    pub(super) machines: machines::Machines,
    pub(super) m2m: m2m::M2mTokens,
    pub(super) api_keys: api_keys::ApiKeys,
    pub(super) oauth: oauth::OAuthTokens,
}

impl State {
    pub(super) fn new(
        options: EmulatorOptions,
        keys: keys::KeyRing,
        instance: instance::Instance,
    ) -> Self {
        Self {
            options,
            instance,
            keys,
            machines: machines::Machines::default(),
            m2m: m2m::M2mTokens::default(),
            api_keys: api_keys::ApiKeys::default(),
            oauth: oauth::OAuthTokens::default(),
        }
    }

    /// Refuses a token that is revoked or expired, where the options say that such a token is
    /// answered as if it never was.
    pub(super) fn refuse_dead<T>(&self, entry: &Entry<T>, now: u64) -> Result<(), Refusal> {
        let revoked = entry.revoked && self.options.revoked == DeadToken::NotFound;
        let expired = entry.expired(now) && self.options.expired == DeadToken::NotFound;
        if revoked || expired {
            Err(Refusal::not_found("Token"))
        } else {
            Ok(())
        }
    }

    /// Deletes a machine and, unless the options say otherwise, its opaque tokens.
    pub(super) fn delete_machine(&mut self, id: &str) -> Result<(), Refusal> {
        self.machines.delete(id)?;
        if self.options.delete_kills_tokens {
            self.m2m.forget_machine(id);
        }
        Ok(())
    }

    /// Revokes a stored token or key; false if there is none of this id.
    pub(super) fn revoke(&mut self, id: &str, now: u64) -> bool {
        self.m2m.vault.revoke(id, None, now)
            || self.api_keys.vault.revoke(id, None, now)
            || self.oauth.vault.revoke(id, None, now)
    }

    /// Makes a stored token or key expire now; false if there is none of this id.
    pub(super) fn expire(&mut self, id: &str, now: u64) -> bool {
        self.m2m.vault.expire(id, now)
            || self.api_keys.vault.expire(id, now)
            || self.oauth.vault.expire(id, now)
    }
}
