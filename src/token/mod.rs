//! A token as it arrived: bounded, well-formed, and of a class that is told without I/O.
//!
//! Order within this folder: `kind`, `alphabet` ← `bearer` ← `classify`.

mod alphabet;
mod bearer;
mod classify;
mod kind;

pub(crate) use self::bearer::{BearerToken, Presented, TokenSource};
pub(crate) use self::classify::{Shape, classify};
pub(crate) use self::kind::TokenTypes;
pub use self::kind::{ParseTokenTypeError, TokenType};
