//! Measures what the crate takes of memory, in a program of its own: its allocator counts.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

mod support;

use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use clerk_machine_auth::Authenticator;
use http::Request;
use support::backend::Backend;
use support::clerk::{asking, build, local, settings_of_local, unhurried};
use support::fill::fill;
use support::layered::{Layered, Noop, bearer, call, layered, request, routed};
use support::rows::Rows;
use support::tokens::{Issuer, api_key};
use support::worst::worst;

/// Hits whose allocations are counted.
const HITS: usize = 1_000;

/// Tokens that are remembered when the bytes of each are counted.
const ENTRIES: usize = 20_000;

fn main() {
    if !support::rows::is_bench() {
        return;
    }
    let mut rows = Rows::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime is built");
    let (issuer, backend) = (Issuer::new(), Backend::start(Duration::ZERO));
    let asking = asking(&issuer, backend);
    hit(&mut rows, &runtime, "JWT", &local(&issuer), &issuer.m2m(1));
    hit(&mut rows, &runtime, "opaque", &asking, &api_key(1));
    hit(
        &mut rows,
        &runtime,
        "JWT, registry",
        &asking,
        &issuer.m2m(1),
    );
    entries(&mut rows, &runtime, &issuer, backend);
    worst_tokens(&mut rows, &issuer);
    rows.keep();
}

fn hit(
    rows: &mut Rows,
    runtime: &tokio::runtime::Runtime,
    name: &str,
    clerk: &Authenticator,
    token: &str,
) {
    runtime
        .block_on(clerk.verify(token))
        .expect("the token is good");
    let (field, mut layer) = (bearer(token), layered(clerk));
    let (usual, tidying) = usual_allocations(&mut layer, || routed(&field));
    rows.at_most(
        format!("cached hit, {name}: heap allocations"),
        usual as f64,
        2.0,
        "",
    );
    rows.note(
        format!("cached hit, {name}: hits in which moka tidies up, of {HITS}"),
        tidying.to_string(),
    );
    let (bare, _) = usual_allocations(&mut layer, || request(&field));
    rows.note(
        format!("cached hit, {name}: heap allocations, first extension"),
        bare.to_string(),
    );
}

/// What nearly every hit takes, and how many take more.
fn usual_allocations(layer: &mut Layered, make: impl Fn() -> Request<()>) -> (u64, usize) {
    let hits = (0..HITS).map(|_| {
        let (with, without) = (make(), make());
        let with = measure(|| drop(call(layer, with)));
        let without = measure(|| drop(call(&mut Noop, without)));
        with.count_total - without.count_total
    });
    let mut hits: Vec<u64> = hits.collect();
    hits.sort_unstable();
    let usual = hits[HITS / 2];
    (usual, hits.iter().filter(|count| **count > usual).count())
}

/// Fills a cache on this thread, which is the one that is counted, and counts what stays.
fn entries(rows: &mut Rows, runtime: &tokio::runtime::Runtime, issuer: &Issuer, backend: Backend) {
    let clerk = build(unhurried(issuer, backend).cache_capacity(10_000_000));
    runtime.block_on(fill(&clerk, 0..2_000));
    let filled = measure(|| runtime.block_on(fill(&clerk, 2_000..2_000 + ENTRIES)));
    let each = filled.bytes_current as f64 / ENTRIES as f64;
    let held = clerk.health().cached_valid;
    rows.note("opaque tokens remembered", format!("{held}"));
    rows.at_most("bytes for each remembered token", each, 650.0, " B");
}

fn worst_tokens(rows: &mut Rows, issuer: &Issuer) {
    let mut most = (0.0, String::new());
    for token in worst(issuer) {
        let clerk = build(settings_of_local(issuer));
        let mut is_good = false;
        let AllocationInfo { bytes_max, .. } = measure(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let runtime = runtime.expect("a runtime is built");
            is_good = runtime.block_on(clerk.verify(&token.text)).is_ok();
        });
        assert_eq!(is_good, token.is_signed, "{}", token.shape);
        let share = bytes_max as f64 / (16 * token.text.len() + 65_536) as f64;
        if share > most.0 {
            most = (
                share,
                format!("{} and {}, {bytes_max} B", token.shape, token.filling),
            );
        }
    }
    rows.note("worst token: the one with the greatest peak heap", most.1);
    let name = "worst token: peak heap / (16 × length + 64 KiB)";
    rows.at_most(name, most.0, 1.0, " ×");
}
