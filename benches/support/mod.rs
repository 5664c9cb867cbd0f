//! What the benchmarks share: a stopwatch, rows of the table, tokens, and a Backend API of their own.
#![allow(dead_code)] // each benchmark uses a part

pub(crate) mod backend;
pub(crate) mod clerk;
pub(crate) mod fill;
pub(crate) mod floor;
pub(crate) mod layered;
pub(crate) mod rows;
pub(crate) mod stopwatch;
pub(crate) mod tokens;
pub(crate) mod worst;
