//! Measures what the crate promises of its speed, and prints one table of it.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

mod cold;
mod flood;
mod hash;
mod hit;
mod http;
mod plot;
mod scale;
#[path = "../support/mod.rs"]
mod support;
mod worst;

use std::time::Duration;

use support::backend::Backend;
use support::rows::{Rows, is_bench};
use support::tokens::Issuer;

fn main() {
    if !is_bench() {
        return;
    }
    let part = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let wanted = |name: &str| part.as_deref().is_none_or(|part| part == name);
    let rows = &mut Rows::default();
    let runtime = &tokio::runtime::Runtime::new().expect("a runtime is built");
    let issuer = &Issuer::new();
    let backend = Backend::start(Duration::ZERO);
    let parts: [(&str, &mut dyn FnMut(&mut Rows)); 7] = [
        ("hit", &mut |rows| hit::run(rows, runtime, issuer, backend)),
        ("cold", &mut |rows| cold::run(rows, issuer)),
        ("hash", &mut |rows| hash::run(rows)),
        ("http", &mut |rows| http::run(rows, issuer)),
        ("scale", &mut |rows| {
            scale::run(rows, runtime, issuer, backend)
        }),
        ("flood", &mut |rows| flood::run(rows, runtime, issuer)),
        ("worst", &mut |rows| worst::run(rows, issuer)),
    ];
    for (_, run) in parts.into_iter().filter(|(name, _)| wanted(name)) {
        run(rows);
    }
    rows.print();
}
