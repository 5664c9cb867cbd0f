//! Issued tokens: revocation and expiry.

use std::fmt;
use std::time::Duration;

use crate::testing::emulator::ClerkEmulator;
use crate::testing::ids;
use crate::testing::refusal::Refusal;

/// A token or key that the emulator issued. Its `Debug` hides the token.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuedToken {
    id: String,
    token: String,
}

impl IssuedToken {
    pub(super) fn new(id: String, token: String) -> Self {
        Self { id, token }
    }

    /// Returns the id: `mt_…`, `ak_…` or `oat_…`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the token, for `Authorization: Bearer`.
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl ClerkEmulator {
    /// Revokes an opaque token, an API key, or a session of the authorization server with all its
    /// tokens.
    ///
    /// Returns `false` if there is none with this id. M2M JWTs cannot be revoked, as in Clerk.
    pub fn revoke(&self, id: &str) -> bool {
        let now = self.shared.now();
        self.shared.state().revoke(id, None, now)
    }

    /// Expires an opaque token or an API key; returns `false` if there is none with this id.
    pub fn expire(&self, id: &str) -> bool {
        let now = self.shared.now();
        self.shared.state().expire(id, now)
    }

    /// Returns a new user id in Clerk's format.
    pub fn new_user_id(&self) -> String {
        ids::word_id("user")
    }

    /// Returns a new organization id in Clerk's format.
    pub fn new_org_id(&self) -> String {
        ids::word_id("org")
    }
}

/// When a token of this lifetime, issued now, expires.
pub(super) fn expiry(lifetime: Duration, now: u64) -> u64 {
    now.saturating_add(u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX))
}

/// Panics on an error, because a test with invalid setup must not continue.
#[track_caller]
#[expect(clippy::panic, reason = "documented at each factory that may refuse")]
pub(super) fn seeded<T>(result: Result<T, Refusal>) -> T {
    result.unwrap_or_else(|refusal| panic!("the emulator refuses: {}", refusal.long_message))
}
