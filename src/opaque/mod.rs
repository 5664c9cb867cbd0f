//! Verifies opaque tokens with Clerk's Backend API.
//!
//! 1. A 200 with `revoked`, `expired` or `active: false` rejects the token. So does a 200 about a token
//!    of another type, or with a subject of the wrong type.
//! 2. A 200 with an unknown `object`, without a field that a decision needs, or that cannot be parsed
//!    is a failure of the upstream. Fields that no decision needs may be missing.
//! 3. A 404 rejects the token, and so does a 400 about the token.
//! 4. Every other response is about our own side and says nothing about the token.
//! 5. The machine secret is preferred for M2M tokens, because Clerk then checks that the token may
//!    reach the machine.

mod answer;
mod known_tokens;
mod observe;
mod shared;
mod verifier;

pub(crate) use self::answer::OpaquePolicy;
pub(crate) use self::known_tokens::KnownTokens;
pub(crate) use self::verifier::{LoadQueue, OpaqueVerifier, SharedAnswers, load_failure};
