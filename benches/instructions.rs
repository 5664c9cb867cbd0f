//! One kind of hit, many times over, for a tool that counts instructions (`.ci/instructions`).
//!
//! Only what runs below [`counted`] is to be counted. The floor is counted by the same tool in the
//! same way, so that a figure of another allocator or standard library says nothing of ours.

#![allow(clippy::expect_used, clippy::print_stdout, missing_docs)]

mod support;

use std::time::Duration;

use clerk_machine_auth::Authenticator;
use futures_util::FutureExt as _;
use http::{Request, Response};
use support::backend::Backend;
use support::clerk::{asking, local};
use support::floor::Floor;
use support::layered::{Noop, bearer, call, layered, request};
use support::tokens::{Issuer, api_key};

/// The hits before the count begins, and those that are counted.
const WARM_UP: usize = 200;
const COUNTED: usize = 1_000;

/// JWTs that are counted.
const COLD: usize = 64;

fn main() {
    let kind = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let issuer = Issuer::new();
    let (jwt, key) = (issuer.m2m(1), api_key(1));
    match kind.as_deref() {
        Some("bare") => run(&jwt, |request| call(&mut Noop, request)),
        Some("floor") => {
            let floor = Floor::new();
            run(&jwt, |request| floor.let_in(request));
        }
        Some("jwt") => layer(&local(&issuer), &jwt),
        Some("opaque") => layer(&asking(&issuer, Backend::start(Duration::ZERO)), &key),
        Some("registry") => layer(&asking(&issuer, Backend::start(Duration::ZERO)), &jwt),
        Some("cold") => cold(&issuer),
        _ => println!("bare, floor, jwt, opaque, registry or cold"),
    }
}

/// JWTs that were never seen; most of the instructions are those of RSA.
fn cold(issuer: &Issuer) {
    let clerk = local(issuer);
    verified(&clerk, &issuer.m2m(0));
    for number in 1..=COLD {
        let token = issuer.m2m(number);
        counted(&mut |token: &str| verified(&clerk, token), &*token);
    }
    println!("{COLD} tokens");
}

/// Verifies a JWT with the key at hand, which waits for nothing.
fn verified(clerk: &Authenticator, token: &str) {
    let verified = clerk.verify(token).now_or_never();
    assert!(verified.is_some_and(|verified| verified.is_ok()));
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
fn counted<I, O>(work: &mut impl FnMut(I) -> O, input: I) -> O {
    std::hint::black_box(work(input))
}
