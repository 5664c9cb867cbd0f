//! Rules 1 to 3: finds the one token of a request and what type it is, without I/O.

mod bearer;
mod classify;
mod other;
mod types;

pub(crate) use self::bearer::{BearerToken, RawToken, TokenSource};
pub(crate) use self::classify::{Format, classify};
pub(crate) use self::other::is_other_token;
pub(crate) use self::types::TokenTypes;
pub use self::types::{ParseTokenTypeError, TokenType};
