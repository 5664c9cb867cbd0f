//! What an authenticator has done since it was built, in numbers.

mod counters;
mod labels;

use std::collections::BTreeMap;

use serde::Serialize;

pub(crate) use self::counters::{CallCounters, Counters, HeldBackCounters};
pub use self::labels::Outcome;
pub(crate) use self::labels::{CallOperation, CallResult, HeldBack, Source, TokenLabel};
use crate::error::Reason;

/// Writes a set of counts with one field for each word of a closed set.
macro_rules! counts {
    ($(#[$about:meta])* pub struct $name:ident($labels:ident) of $value:ty {
        $($(#[$field_about:meta])* $field:ident: $label:ident,)*
    }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "camelCase")]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_about])* pub $field: $value,)*
        }

        impl $name {
            fn collect(mut count: impl FnMut($labels) -> $value) -> Self {
                Self {
                    $($field: count($labels::$label),)*
                }
            }

            /// Returns the sum of the counts.
            #[must_use]
            pub fn total(&self) -> u64 {
                [$(Total::total(&self.$field),)*].into_iter().fold(0, u64::saturating_add)
            }
        }

        impl Total for $name {
            fn total(&self) -> u64 {
                Self::total(self)
            }
        }
    };
}

trait Total {
    fn total(&self) -> u64;
}

impl Total for u64 {
    fn total(&self) -> u64 {
        *self
    }
}

counts! {
    /// Requests by what became of them. Each request is counted once, when its response is there.
    pub struct RequestStats(Outcome) of TokenTypeStats {
        /// The token was accepted, and nothing inside the layer rejected the request.
        allowed: Allowed,
        /// A token is required, and none was sent (401).
        missing: Missing,
        /// The request does not carry exactly one well-formed token (400).
        malformed: Malformed,
        /// The token is not accepted here (401).
        invalid: Invalid,
        /// The token lacks a scope (403), for this layer or for
        /// [`RequireScopes`](crate::RequireScopes) inside it.
        forbidden: Forbidden,
        /// The token could not be verified (503).
        unavailable: Unavailable,
        /// The service is not set up to verify tokens (500).
        internal: Internal,
        /// Let in without a token.
        anonymous: Anonymous,
    }
}

counts! {
    /// Requests by the type of their token.
    pub struct TokenTypeStats(TokenLabel) of u64 {
        /// M2M tokens.
        m2m: M2m,
        /// API keys.
        api_key: ApiKey,
        /// OAuth access tokens.
        oauth: OAuth,
        /// No token, a token of no type, or a JWT that was rejected: its type is not proven.
        none: None,
    }
}

/// Where verdicts came from. A token that can never be accepted, such as one of a type that is not
/// accepted, is not looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LookupStats {
    /// A fresh verdict was cached.
    pub hit: u64,
    /// Clerk could not be asked, and a verdict past its fresh time was used.
    pub stale: u64,
    /// A rejection was cached.
    pub negative: u64,
    /// The token was verified for this request.
    pub miss: u64,
    /// The request waited for a verification that another one had begun.
    pub joined: u64,
}

counts! {
    /// Attempts to ask Clerk, by what was asked for; retries are attempts of their own.
    pub struct UpstreamStats(CallOperation) of UpstreamResultStats {
        /// The verification of an M2M token.
        verify_m2m: VerifyM2m,
        /// The verification of an API key.
        verify_api_key: VerifyApiKey,
        /// The verification of an OAuth access token.
        verify_oauth: VerifyOAuth,
        /// Which machines the sender of an M2M JWT may call.
        registry: Registry,
        /// The keys for JWTs.
        jwks: Jwks,
    }
}

counts! {
    /// Attempts to ask Clerk, by what came of them.
    pub struct UpstreamResultStats(CallResult) of u64 {
        /// An answer that could be read.
        ok: Ok,
        /// Clerk does not know the token or the object (404, 400).
        bad_token: BadToken,
        /// Clerk refuses the secret of this service (401, 403).
        unauthorized: Unauthorized,
        /// Clerk asks for fewer calls (429), or a quota is used up (402).
        rate_limited: RateLimited,
        /// Clerk answered with an error of its own (5xx).
        server_error: ServerError,
        /// No answer: the deadline passed, or the connection was refused or broke.
        timeout: Timeout,
        /// An answer that cannot be read.
        unreadable: Unreadable,
    }
}

counts! {
    /// Calls that were not made, by what held them back.
    pub struct HeldBackStats(HeldBack) of u64 {
        /// The budget of calls was used up.
        budget: Budget,
        /// Clerk does not answer, asked to be left alone, or a quota is used up.
        breaker: Breaker,
        /// Too many calls were under way.
        in_flight: InFlight,
    }
}

/// What an authenticator has done since it was built: counters that only grow.
///
/// All clones of an authenticator share them, and so do the layers that are made of it. Reading
/// them is cheap; there is no lock. Serializes with the names of the fields in camelCase.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use clerk_machine_auth::Authenticator;
/// # let clerk = Authenticator::builder()
/// #     .secret_key("sk_test_4f8a")
/// #     .machine_id("mch_2xhFjEI5X2qWRvtV13BzSj8H6Dk")
/// #     .build()?;
/// assert!(clerk.verify("no token of Clerk's").await.is_err());
/// let stats = clerk.stats();
/// assert_eq!(stats.requests.malformed.total(), 1);
/// assert_eq!(stats.rejections["malformed"], 1);
/// assert_eq!(stats.upstream.total(), 0);
/// # Ok(()) }
/// ```
///
/// # Security
///
/// Holds numbers and fixed words: no token, identifier, subject, path or host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Stats {
    /// Requests, by what became of them and by the type of their token.
    pub requests: RequestStats,
    /// Where verdicts came from.
    pub lookups: LookupStats,
    /// Rejections by [`AuthError::reason`](crate::AuthError::reason); a reason that never occurred is
    /// left out.
    pub rejections: BTreeMap<&'static str, u64>,
    /// Attempts to ask Clerk.
    pub upstream: UpstreamStats,
    /// Calls that were not made.
    pub held_back: HeldBackStats,
}

impl Stats {
    pub(crate) fn read(counters: &Counters, held_back: &HeldBackCounters) -> Self {
        let of_reason = |reason: &Reason| (reason.as_str(), counters.rejections_of(*reason));
        let rejections = Reason::ALL.iter().map(of_reason);
        Self {
            requests: RequestStats::collect(|outcome| {
                TokenTypeStats::collect(|token| {
                    sum(Source::ALL, |source| {
                        counters.requests_of(outcome, token, source)
                    })
                })
            }),
            lookups: LookupStats::read(counters),
            rejections: rejections.filter(|(_, count)| *count > 0).collect(),
            upstream: UpstreamStats::read(&counters.calls),
            held_back: HeldBackStats::collect(|why| held_back.get(why)),
        }
    }
}

impl LookupStats {
    fn read(counters: &Counters) -> Self {
        let of_source = |source| {
            sum(Outcome::ALL, |outcome| {
                sum(TokenLabel::ALL, |token| {
                    counters.requests_of(outcome, token, source)
                })
            })
        };
        Self {
            hit: of_source(Source::Hit).saturating_add(of_source(Source::JwtHit)),
            stale: of_source(Source::Stale),
            negative: of_source(Source::Negative),
            miss: of_source(Source::Miss),
            joined: of_source(Source::Joined),
        }
    }
}

impl UpstreamStats {
    pub(crate) fn read(calls: &CallCounters) -> Self {
        Self::collect(|operation| {
            UpstreamResultStats::collect(|result| calls.attempts_of(operation, result))
        })
    }
}

fn sum<L: Copy>(labels: &[L], mut count: impl FnMut(L) -> u64) -> u64 {
    let counts = labels.iter().map(|label| count(*label));
    counts.fold(0, u64::saturating_add)
}
