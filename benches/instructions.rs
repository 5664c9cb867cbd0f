//! One kind of hit, many times over, for a tool that counts instructions (`.ci/instructions`).
//!
//! Only what runs below [`counted`] is to be counted. The floor is counted by the same tool in the
//! same way, so that a figure of another processor's hash or allocator says nothing of ours.

#![allow(clippy::expect_used, clippy::print_stdout, missing_docs)]

mod support;

use std::time::Duration;

use clerk_machine_auth::Authenticator;
use http::{Request, Response};
use support::backend::Backend;
use support::clerk::{asking, local};
use support::floor::Floor;
use support::layered::{Noop, bearer, call, layered, request};
use support::tokens::{Issuer, api_key};

/// The hits before the count begins, and those that are counted.
const WARM_UP: usize = 200;
const COUNTED: usize = 1_000;

fn main() {
    let kind = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let issuer = Issuer::new();
    let (jwt, key) = (issuer.m2m(1), api_key(1));
    match kind.as_deref() {
        Some("bare") => run(&jwt, |request| call(&mut Noop, request)),
        Some("floor-jwt") => floor(&jwt),
        Some("floor-opaque") => floor(&key),
        Some("layer-jwt") => layer(&local(&issuer), &jwt),
        Some("layer-opaque") => layer(&asking(&issuer, Backend::start(Duration::ZERO)), &key),
        _ => println!("bare, floor-jwt, floor-opaque, layer-jwt or layer-opaque"),
    }
}

fn floor(token: &str) {
    let floor = Floor::holding(token);
    run(token, |request| floor.let_in(token, request));
}

fn layer(clerk: &Authenticator, token: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime is built");
    runtime
        .block_on(clerk.verify(token))
        .expect("the token is good");
    let mut layer = layered(clerk);
    run(token, |request| call(&mut layer, request));
}

fn run(token: &str, mut hit: impl FnMut(Request<()>) -> Response<()>) {
    let field = bearer(token);
    for _ in 0..WARM_UP {
        assert!(hit(request(&field)).status().is_success());
    }
    for _ in 0..COUNTED {
        let request = request(&field);
        std::hint::black_box(counted(&mut hit, request));
    }
    println!("{COUNTED} hits");
}

#[inline(never)]
fn counted(
    hit: &mut impl FnMut(Request<()>) -> Response<()>,
    request: Request<()>,
) -> Response<()> {
    std::hint::black_box(hit(request))
}
