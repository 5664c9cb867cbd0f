//! Extracts the token of a request and determines its type, without I/O (rules 1 to 3).

mod bearer;
mod classify;
mod other;
mod types;

pub(crate) use self::bearer::{BearerToken, RawToken, TokenSource};
pub(crate) use self::classify::{Format, classify};
pub(crate) use self::other::is_other_token;
pub(crate) use self::types::TokenTypes;
pub use self::types::{ParseTokenTypeError, TokenType};
