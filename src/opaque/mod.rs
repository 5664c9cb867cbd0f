//! Verifies opaque tokens through Clerk's Backend API.
//!
//! 1. `revoked`, `expired` or `active: false` in a 200 make a bad token, and so does a key of
//!    another type or a subject of the wrong class.
//! 2. A 200 with an unknown `object`, without a field that a decision needs, or unreadable, is a
//!    broken upstream. Fields that no decision needs may be missing.
//! 3. 404, and 400 on the token, make a bad token.
//! 4. Everything else describes our own side: nothing is learnt about the token.
//! 5. The machine secret is preferred for M2M tokens, since Clerk then checks that the token may
//!    reach the machine.

mod answer;
mod known_tokens;
mod verifier;

pub(crate) use self::answer::OpaquePolicy;
pub(crate) use self::known_tokens::KnownTokens;
pub(crate) use self::verifier::{LoadQueue, OpaqueVerifier, load_failure};
