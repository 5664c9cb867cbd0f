//! Measures what the crate promises of its speed, and prints one table of it.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

mod cold;
mod flood;
mod hit;
mod http;
mod outbound;
mod plot;
mod scale;
#[path = "../support/mod.rs"]
mod support;
mod worst;

use std::time::Duration;

use support::backend::Backend;
use support::rows::{Rows, is_bench};
use support::tokens::Issuer;

/// Measures one thing and adds its rows to the table.
type Part<'a> = &'a dyn Fn(&mut Rows);

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
    let parts: [(&str, Part<'_>); 7] = [
        ("hit", &|rows| hit::run(rows, runtime, issuer, backend)),
        ("cold", &|rows| cold::run(rows, issuer)),
        ("http", &|rows| http::run(rows, issuer)),
        ("outbound", &|rows| outbound::run(rows, runtime)),
        ("scale", &|rows| scale::run(rows, runtime, issuer, backend)),
        ("flood", &|rows| flood::run(rows, runtime, issuer)),
        ("worst", &|rows| worst::run(rows, issuer)),
    ];
    for (_, run) in parts.into_iter().filter(|(name, _)| wanted(name)) {
        run(rows);
    }
    rows.print();
}
