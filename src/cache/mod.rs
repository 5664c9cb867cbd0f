//! Remembers what was verified: facts with their ends, never decisions.

mod key;
mod marks;
mod memo;
mod told;
mod windows;

pub(crate) use self::key::{BuildKeyHasher, CacheKey, Domain, KeyHasher};
pub(crate) use self::marks::Marks;
pub(crate) use self::memo::{Memo, MemoConfig, Named, Outcome, Why};
pub(crate) use self::told::{Later, Told};
pub(crate) use self::windows::Windows;
