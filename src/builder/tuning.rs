//! Settings of time, space and load; each has a default that suits most services.

use std::time::Duration;

use super::AuthenticatorBuilder;

impl AuthenticatorBuilder {
    /// Uses Clerk's verdict on an opaque token for this time; 60 s by default, ±10 %,
    /// and at most a day.
    ///
    /// A revocation at Clerk is seen after at most this time, plus
    /// [`stale_if_error`](Self::stale_if_error) while Clerk cannot be asked. Longer times cost
    /// fewer calls: see the README's revocation budget.
    pub const fn fresh_for(mut self, time: Duration) -> Self {
        self.settings.opaque.fresh = time;
        self
    }

    /// Uses a verdict for this time beyond its fresh time while Clerk cannot be asked; 60 s by
    /// default, at most 300 s, and zero for never.
    pub const fn stale_if_error(mut self, time: Duration) -> Self {
        self.settings.opaque.stale_if_error = time;
        self
    }

    /// Remembers for this time that Clerk rejected a token; 10 s by default, at most a day.
    pub const fn negative_for(mut self, time: Duration) -> Self {
        self.settings.opaque.negative = time;
        self
    }

    /// Remembers a verified JWT for this time, or until it expires or the keys change; 300 s by
    /// default, and at most.
    pub const fn jwt_verdict_for(mut self, time: Duration) -> Self {
        self.settings.jwt_verdict = time;
        self
    }

    /// Remembers this many good verdicts of each kind (JWT, opaque, registry); 10 000 by default.
    ///
    /// Fewer are held where they are large: see [`cache_bytes`](Self::cache_bytes).
    pub const fn cache_capacity(mut self, verdicts: u64) -> Self {
        self.settings.capacity = verdicts;
        self
    }

    /// Uses at most this many bytes of memory for good verdicts; 64 MiB by default, or 2 KiB for
    /// each verdict of [`cache_capacity`](Self::cache_capacity) where that is more, and at least
    /// 1 MiB.
    ///
    /// Half of it is for opaque tokens, three eighths for JWTs, and an eighth for the registry's
    /// answers. A verdict with few claims takes less than 1 KiB; claims are counted with their text,
    /// which Clerk's answer limits to 64 KiB. Whichever of the two bounds is reached first holds.
    ///
    /// # Security
    ///
    /// Senders choose the claims of M2M tokens. Without this bound, a holder of many genuine tokens
    /// could use up the memory of the service.
    pub const fn cache_bytes(mut self, bytes: u64) -> Self {
        self.settings.cache_bytes = Some(bytes);
        self
    }

    /// Remembers this many rejected tokens; 10 000 by default.
    ///
    /// Their room is their own: made-up tokens never push good ones out.
    pub const fn negative_capacity(mut self, verdicts: u64) -> Self {
        self.settings.negative_capacity = verdicts;
        self
    }

    /// Uses fetched keys for this time; 300 s by default, ±10 %, and at most a day.
    pub const fn keys_fresh_for(mut self, time: Duration) -> Self {
        self.settings.keys.fresh = time;
        self
    }

    /// Fetches keys again this long before their fresh time ends; 30 s by default.
    pub const fn keys_refresh_ahead(mut self, time: Duration) -> Self {
        self.settings.keys.refresh_ahead = time;
        self
    }

    /// Fetches keys at most once in this time for tokens that do not fit those at hand; 30 s by
    /// default, at most a day.
    pub const fn keys_cooldown(mut self, time: Duration) -> Self {
        self.settings.keys.cooldown = time;
        self
    }

    /// Uses keys up to this age while newer ones cannot be fetched; 1 h by default, at most a
    /// day.
    pub const fn keys_max_stale(mut self, time: Duration) -> Self {
        self.settings.keys.max_stale = time;
        self
    }

    /// Gives up on a connection to Clerk after this time; 1 s by default, at most 60 s.
    pub const fn connect_timeout(mut self, time: Duration) -> Self {
        self.settings.connect_timeout = time;
        self
    }

    /// Gives up on a verification, all its waits and tries included, after this time; 3 s by
    /// default, at most 60 s.
    pub const fn timeout(mut self, time: Duration) -> Self {
        self.settings.timeout = time;
        self
    }

    /// Makes at most this many calls to Clerk in a second; 80 by default, and 8 where the secret or
    /// publishable key is one of a development instance (`sk_test_…`, `pk_test_…`).
    ///
    /// Clerk allows a production instance 1 000 in 10 s and a development instance 100, and all
    /// replicas share that. When Clerk answers 429 the rate is halved, and a twentieth of it comes
    /// back in each second: replicas that know nothing of each other so come to share the limit.
    pub const fn calls_per_second(mut self, calls: u32) -> Self {
        self.settings.budget.total = Some(calls);
        self
    }

    /// Lets tokens that nothing is known of use at most this many of those calls; three quarters of
    /// them by default (60 of 80).
    ///
    /// The rest is reserved for known tokens, which may also use whatever unknown ones leave. A token
    /// counts as known that was good when Clerk was last asked, within a day. Of these calls a
    /// quarter is for tokens that were refused for want of budget and come back after a second or
    /// more, so that a good new token gets in beside a flood of made-up ones.
    pub const fn unknown_calls_per_second(mut self, calls: u32) -> Self {
        self.settings.budget.unknown = Some(calls);
        self
    }

    /// Lets this many calls for unknown tokens be made at once after a quiet time; two and a half
    /// seconds of them by default (150).
    ///
    /// The worst ten seconds of a process are this burst and eleven seconds of calls: with the
    /// defaults less than the 1 000 that Clerk allows.
    pub const fn call_burst(mut self, calls: u32) -> Self {
        self.settings.budget.burst = Some(calls);
        self
    }

    /// Has at most this many calls under way at a time; 256 by default. A quarter of them is reserved
    /// for known tokens.
    pub const fn calls_in_flight(mut self, calls: usize) -> Self {
        self.settings.in_flight = calls;
        self
    }

    /// Refuses tokens of more bytes than this; 8192 by default, at most 65536.
    pub const fn max_token_len(mut self, bytes: usize) -> Self {
        self.settings.max_token_len = bytes;
        self
    }

    /// Forgives clocks that differ from ours by this much when a JWT's times are checked; 5 s by
    /// default, at most 60 s.
    pub const fn clock_skew(mut self, skew: Duration) -> Self {
        self.settings.skew = skew;
        self
    }

    /// Rejects JWTs that live longer than this, measured from `iat` to `exp`, and those without
    /// `iat`; no limit by default, more than zero.
    ///
    /// Clerk cannot revoke a JWT and lets whoever mints it choose its lifetime (up to ten years). A
    /// limit here bounds for how long a leaked one is of use, whatever its sender chose.
    pub const fn max_jwt_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.max_jwt_lifetime = Some(lifetime);
        self
    }

    /// Refuses M2M JWTs without Clerk's class mark (`cat`), as it minted them before 2026-05-27.
    pub const fn require_cat(mut self, require: bool) -> Self {
        self.settings.require_cat = require;
        self
    }

    /// Takes API keys of these classes of subject only; `user_` and `org_` by default.
    ///
    /// # Security
    ///
    /// Clerk gives machine secrets the prefix of API keys. With `mch_` in the list, a machine's
    /// secret that is sent as a token may be accepted as a key.
    pub fn api_key_subjects<S: Into<String>>(
        mut self,
        prefixes: impl IntoIterator<Item = S>,
    ) -> Self {
        self.settings.api_key_subjects = prefixes.into_iter().map(Into::into).collect();
        self
    }
}
