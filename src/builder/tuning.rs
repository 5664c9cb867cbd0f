//! Settings for time, space and load; the defaults suit most services.

use std::time::Duration;

use super::AuthenticatorBuilder;

impl AuthenticatorBuilder {
    /// Sets the fresh time of verdicts on opaque tokens; 60 s by default, ±10 %, and at most a day.
    ///
    /// A revocation in Clerk takes effect after at most this time, plus
    /// [`stale_if_error`](Self::stale_if_error) while Clerk is unreachable. Longer times need fewer
    /// calls. See the [revocation budget](crate::docs::revocation).
    pub const fn fresh_for(mut self, time: Duration) -> Self {
        self.settings.opaque.fresh = time;
        self
    }

    /// Sets for how long a verdict is used beyond its fresh time while Clerk is unreachable; 60 s
    /// by default, at most 300 s, and zero for never.
    pub const fn stale_if_error(mut self, time: Duration) -> Self {
        self.settings.opaque.stale_if_error = time;
        self
    }

    /// Sets for how long a rejection is cached; 10 s by default, at most a day.
    pub const fn negative_for(mut self, time: Duration) -> Self {
        self.settings.opaque.negative = time;
        self
    }

    /// Sets for how long the verdict on a JWT is cached, unless the JWT expires or the keys change
    /// before; 300 s by default, at most 300 s.
    pub const fn jwt_verdict_for(mut self, time: Duration) -> Self {
        self.settings.jwt_verdict = time;
        self
    }

    /// Sets the maximum number of valid verdicts in each cache (JWTs, opaque tokens, registry); 10
    /// 000 by default.
    ///
    /// Large verdicts reduce this number: see [`cache_bytes`](Self::cache_bytes).
    pub const fn cache_capacity(mut self, verdicts: u64) -> Self {
        self.settings.capacity = verdicts;
        self
    }

    /// Sets the maximum memory for valid verdicts in bytes; 64 MiB by default, or 2 KiB for each
    /// verdict of [`cache_capacity`](Self::cache_capacity) if that is more, and at least 1 MiB.
    ///
    /// Half of it is for opaque tokens, three eighths for JWTs, and an eighth for the registry. A
    /// verdict with few claims takes less than 1 KiB. Claims count with the length of their text,
    /// which is at most 64 KiB per response. Both bounds apply.
    ///
    /// # Security
    ///
    /// Senders choose the claims of M2M tokens. Without this bound, a holder of many genuine tokens
    /// could exhaust the memory of the service.
    pub const fn cache_bytes(mut self, bytes: u64) -> Self {
        self.settings.cache_bytes = Some(bytes);
        self
    }

    /// Sets the maximum number of cached rejections; 10 000 by default.
    ///
    /// They have a cache of their own, so made-up tokens never evict valid ones.
    pub const fn negative_capacity(mut self, verdicts: u64) -> Self {
        self.settings.negative_capacity = verdicts;
        self
    }

    /// Sets the fresh time of fetched keys; 300 s by default, ±10 %, and at most a day.
    pub const fn keys_fresh_for(mut self, time: Duration) -> Self {
        self.settings.keys.fresh = time;
        self
    }

    /// Sets how long before the end of their fresh time keys are fetched again; 30 s by default.
    pub const fn keys_refresh_ahead(mut self, time: Duration) -> Self {
        self.settings.keys.refresh_ahead = time;
        self
    }

    /// Sets the minimum time between key fetches for tokens that fit none of the current keys; 30 s
    /// by default, at most a day.
    pub const fn keys_cooldown(mut self, time: Duration) -> Self {
        self.settings.keys.cooldown = time;
        self
    }

    /// Sets the maximum age of keys while newer ones cannot be fetched; 1 h by default, at most a
    /// day.
    pub const fn keys_max_stale(mut self, time: Duration) -> Self {
        self.settings.keys.max_stale = time;
        self
    }

    /// Sets the timeout for connecting to Clerk; 1 s by default, at most 60 s.
    pub const fn connect_timeout(mut self, time: Duration) -> Self {
        self.settings.connect_timeout = time;
        self
    }

    /// Sets the timeout of a verification, including all waits and retries; 3 s by default, at most
    /// 60 s.
    pub const fn timeout(mut self, time: Duration) -> Self {
        self.settings.timeout = time;
        self
    }

    /// Sets the maximum number of calls to Clerk per second; 80 by default, and 8 with a secret or
    /// publishable key of a development instance (`sk_test_…`, `pk_test_…`).
    ///
    /// Clerk allows 1 000 calls in 10 s for a production instance and 100 for a development
    /// instance, and all replicas share this limit. A 429 from Clerk halves the rate, which
    /// recovers by a twentieth per second. Replicas thus converge to equal shares without knowing
    /// of each other.
    pub const fn calls_per_second(mut self, calls: u32) -> Self {
        self.settings.budget.total = Some(calls);
        self
    }

    /// Sets how many of those calls unknown tokens may use; three quarters by default (60 of 80).
    ///
    /// The rest is reserved for known tokens, which may also use what unknown ones leave. A token
    /// is known if it was valid when Clerk was last asked, within a day. A quarter of the calls for
    /// unknown tokens is reserved for those that were turned away by the budget and come back after
    /// a second or more, so that a new valid token gets in during a flood of made-up ones.
    pub const fn unknown_calls_per_second(mut self, calls: u32) -> Self {
        self.settings.budget.unknown = Some(calls);
        self
    }

    /// Sets the burst of calls for unknown tokens after a quiet time; two and a half seconds of
    /// them by default (150).
    ///
    /// With the defaults, the worst ten seconds of a process are below the 1 000 calls that Clerk
    /// allows; see [defaults](crate::docs::defaults).
    pub const fn call_burst(mut self, calls: u32) -> Self {
        self.settings.budget.burst = Some(calls);
        self
    }

    /// Sets the maximum number of calls in flight; 256 by default. A quarter of them is reserved
    /// for known tokens.
    pub const fn calls_in_flight(mut self, calls: usize) -> Self {
        self.settings.in_flight = calls;
        self
    }

    /// Sets the maximum length of tokens in bytes; 8192 by default, at most 65536.
    pub const fn max_token_len(mut self, bytes: usize) -> Self {
        self.settings.max_token_len = bytes;
        self
    }

    /// Sets the clock skew that is allowed when the times of a JWT are checked; 5 s by default, at
    /// most 60 s.
    pub const fn clock_skew(mut self, skew: Duration) -> Self {
        self.settings.skew = skew;
        self
    }

    /// Sets the maximum lifetime of JWTs, from `iat` to `exp`; JWTs without `iat` are rejected. No
    /// limit by default; more than zero.
    ///
    /// Clerk cannot revoke a JWT, and its sender chooses its lifetime (up to ten years). This
    /// setting bounds how long a leaked JWT can be used.
    pub const fn max_jwt_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.max_jwt_lifetime = Some(lifetime);
        self
    }

    /// Rejects M2M JWTs without Clerk's token category (`cat`), as issued before 2026-05-27.
    pub const fn require_cat(mut self, require: bool) -> Self {
        self.settings.require_cat = require;
        self
    }

    /// Accepts only API keys with these subject prefixes; `user_` and `org_` by default.
    ///
    /// # Security
    ///
    /// Machine secrets have the same prefix as API keys. With `mch_` in the list, a machine's
    /// secret that is sent as a token may be accepted as an API key.
    pub fn api_key_subjects<S: Into<String>>(
        mut self,
        prefixes: impl IntoIterator<Item = S>,
    ) -> Self {
        self.settings.api_key_subjects = prefixes.into_iter().map(Into::into).collect();
        self
    }
}
