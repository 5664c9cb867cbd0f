//! What a remembered token takes from the heap: the place for its identity, and nothing else. A
//! token for an outgoing call that is at hand takes nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code
)] // a helper that fails is a test that fails; the benchmarks use the rest of `support`

#[path = "../benches/support/mod.rs"]
mod support;

use std::time::Duration;

use allocation_counter::measure;
use clerk_machine_auth::testing::ClerkEmulator;
use clerk_machine_auth::{Authenticator, M2mTokenSource};
use futures_util::FutureExt as _;
use http::Request;
use support::backend::Backend;
use support::clerk::{asking, local};
use support::layered::{Layered, Noop, bearer, call, layered, request, routed};
use support::tokens::{Issuer, api_key};

const HITS: usize = 2_000;

/// Allocations of the layer's own in nearly every one of many hits.
///
/// moka tidies up once in some dozen looks, and allocates for that; all other hits are alike.
fn usual(layer: &mut Layered, make: impl Fn() -> Request<()>) -> u64 {
    let mut hits: Vec<u64> = (0..HITS).map(|_| of_one_hit(layer, &make)).collect();
    hits.sort_unstable();
    let usual = hits[HITS / 2];
    let more = hits.iter().filter(|count| **count > usual).count();
    assert!(more * 20 < HITS, "{more} of {HITS} hits took more");
    usual
}

fn of_one_hit(layer: &mut Layered, make: impl Fn() -> Request<()>) -> u64 {
    let (with, without) = (make(), make());
    let with = measure(|| assert!(call(layer, with).status().is_success())).count_total;
    let without = measure(|| drop(call(&mut Noop, without))).count_total;
    with - without
}

/// What the extensions take for an identity, in a request that has none yet.
fn first_extension() -> u64 {
    let mut request = Request::new(());
    let mut insert = || request.extensions_mut().insert([0_usize; 2]).is_none();
    measure(|| assert!(insert())).count_total
}

async fn assert_little(clerk: &Authenticator, token: &str) {
    clerk.verify(token).await.unwrap();
    let (field, mut layer) = (bearer(token), layered(clerk));
    // A router has put something there before: the place of the identity is all that is added.
    assert_eq!(usual(&mut layer, || routed(&field)), 1);
    assert_eq!(usual(&mut layer, || request(&field)), first_extension());
}

#[tokio::test]
async fn a_cached_hit_allocates_the_place_of_its_identity_and_nothing_else() {
    let issuer = Issuer::new();
    let asking = asking(&issuer, Backend::start(Duration::ZERO));
    assert_little(&local(&issuer), &issuer.m2m(1)).await;
    assert_little(&asking, &api_key(1)).await;
    assert_little(&asking, &issuer.m2m(1)).await;
}

#[tokio::test]
async fn o2_a_token_at_hand_allocates_nothing() {
    let clerk = ClerkEmulator::start().await;
    let billing = clerk.machine("billing").create();
    let source = M2mTokenSource::builder()
        .machine_secret_key(billing.secret_key())
        .api_url(clerk.api_url())
        .build()
        .unwrap();
    source.warm_up().await.unwrap();
    let take = || source.token().now_or_never().unwrap().unwrap().header();
    for call in 0..HITS {
        let allocated = measure(|| assert!(take().is_sensitive())).count_total;
        assert_eq!(allocated, 0, "call {call}");
    }
}
