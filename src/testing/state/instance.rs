//! The instance: its id, its secret keys and its rate limit.

use std::collections::HashSet;

use crate::testing::ids;
use crate::testing::options::RateLimit;
use crate::testing::refusal::Refusal;

/// The instance to which all emulated objects belong.
#[derive(Clone)]
pub(in crate::testing) struct Instance {
    pub(in crate::testing) id: String,
    /// The `iss` of its JWTs.
    pub(in crate::testing) issuer: String,
    secrets: HashSet<String>,
    window: Window,
}

/// The calls in the current window of the rate limit.
#[derive(Clone, Default)]
struct Window {
    opened_at: u64,
    calls: u64,
}

impl Instance {
    pub(in crate::testing) fn new(id: String, issuer: String) -> Self {
        Self {
            id,
            issuer,
            secrets: HashSet::new(),
            window: Window::default(),
        }
    }

    /// Creates another secret key; all of them stay valid until they are revoked.
    pub(in crate::testing) fn add_secret(&mut self) -> String {
        let secret = ids::word_secret("sk_test_");
        self.secrets.insert(secret.clone());
        secret
    }

    /// Adds a given secret key to the instance.
    pub(in crate::testing) fn know_secret(&mut self, secret: String) {
        self.secrets.insert(secret);
    }

    pub(in crate::testing) fn revoke_secret(&mut self, secret: &str) -> bool {
        self.secrets.remove(secret)
    }

    pub(in crate::testing) fn has_secret(&self, secret: &str) -> bool {
        self.secrets.contains(secret)
    }

    /// Counts one call against the limit.
    pub(in crate::testing) fn admit(&mut self, limit: RateLimit, now: u64) -> Result<(), Refusal> {
        let length = u64::try_from(limit.window.as_millis()).unwrap_or(u64::MAX);
        let elapsed = now.checked_sub(self.window.opened_at);
        if elapsed.is_none_or(|elapsed| elapsed >= length) {
            self.window = Window {
                opened_at: now,
                calls: 0,
            };
        }
        if self.window.calls >= limit.calls {
            let left = self
                .window
                .opened_at
                .saturating_add(length)
                .saturating_sub(now);
            return Err(Refusal::rate_limited(left.div_ceil(1000).max(1)));
        }
        self.window.calls += 1;
        Ok(())
    }
}
