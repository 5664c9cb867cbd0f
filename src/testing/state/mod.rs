//! The state of the emulator, independent of HTTP: one value behind one lock.

pub(super) mod authorization;
pub(super) mod instance;
pub(super) mod keys;
pub(super) mod machines;
pub(super) mod store;
pub(super) mod tokens;

use super::ids;
use super::options::{EmulatorOptions, InactiveToken};
use super::refusal::Refusal;
use store::Entry;

/// Everything that a request may read or change.
#[derive(Clone)]
pub(super) struct State {
    pub(super) options: EmulatorOptions,
    pub(super) instance: instance::Instance,
    pub(super) keys: keys::KeyRing,
    pub(super) machines: machines::Machines,
    pub(super) m2m: tokens::M2mTokens,
    pub(super) api_keys: tokens::ApiKeys,
    pub(super) oauth: tokens::OAuthTokens,
    pub(super) authorization: authorization::AuthorizationServer,
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
            m2m: tokens::M2mTokens::default(),
            api_keys: tokens::ApiKeys::default(),
            oauth: tokens::OAuthTokens::default(),
            authorization: authorization::AuthorizationServer::new(ids::word_id("user")),
        }
    }

    /// Rejects a revoked or expired token, if the options say that it is treated like an unknown
    /// one.
    pub(super) fn refuse_inactive<T>(&self, entry: &Entry<T>, now: u64) -> Result<(), Refusal> {
        let revoked = entry.revoked && self.options.revoked == InactiveToken::NotFound;
        let expired = entry.expired(now) && self.options.expired == InactiveToken::NotFound;
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
            self.m2m.remove_machine(id);
        }
        Ok(())
    }

    /// Revokes a session of the authorization server and its access tokens; returns `false` if
    /// there is none with this id.
    pub(super) fn revoke_session(&mut self, id: &str, now: u64) -> bool {
        let Some(session) = self.authorization.session_mut(id) else {
            return false;
        };
        session.revoked = true;
        for token in &session.token_ids {
            self.oauth.store.revoke(token, None, now);
        }
        true
    }

    /// Revokes a stored token, key or session; returns `false` if there is none with this id.
    pub(super) fn revoke(&mut self, id: &str, why: Option<String>, now: u64) -> bool {
        self.m2m.store.revoke(id, why.clone(), now)
            || self.api_keys.store.revoke(id, why.clone(), now)
            || self.oauth.store.revoke(id, why, now)
            || self.revoke_session(id, now)
    }

    /// Removes a stored token or key; returns `false` if there is none with this id.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        self.m2m.store.remove(id) || self.api_keys.store.remove(id) || self.oauth.store.remove(id)
    }

    /// Expires a stored token or key; returns `false` if there is none with this id.
    pub(super) fn expire(&mut self, id: &str, now: u64) -> bool {
        self.m2m.store.expire(id, now)
            || self.api_keys.store.expire(id, now)
            || self.oauth.store.expire(id, now)
    }
}
