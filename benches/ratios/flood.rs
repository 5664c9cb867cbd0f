//! Many tokens at once that nothing is known of, and a Backend API that takes its time.

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::support::backend::Backend;
use crate::support::clerk::{build, unhurried};
use crate::support::rows::Rows;
use crate::support::stopwatch::median;
use crate::support::tokens::{Issuer, api_key};

const TOKENS: usize = 10_000;
const PAUSE: Duration = Duration::from_millis(20);
/// So few that the bound is set by the limit and not by two processors, which serve both the
/// tokens and the Backend API.
const IN_FLIGHT: usize = 64;

pub(crate) fn run(rows: &mut Rows, runtime: &Runtime, issuer: &Issuer) {
    let backend = Backend::start(PAUSE);
    let bound = TOKENS.div_ceil(IN_FLIGHT) as f64 * PAUSE.as_secs_f64();
    let times = (0..3).map(|_| flood(runtime, issuer, backend).as_secs_f64() / bound);
    let ratio = median(times.collect());
    rows.note(
        "10 000 cold opaque tokens, 20 ms each, 64 in flight: bound",
        format!("{bound:.2} s"),
    );
    rows.at_most("10 000 cold opaque tokens / that bound", ratio, 1.3, " ×");
}

fn flood(runtime: &Runtime, issuer: &Issuer, backend: Backend) -> Duration {
    let clerk = build(
        unhurried(issuer, backend)
            .calls_in_flight(IN_FLIGHT)
            .cache_capacity(20_000),
    );
    runtime.block_on(async {
        let start = Instant::now();
        let mut verified = tokio::task::JoinSet::new();
        for number in 0..TOKENS {
            let clerk = clerk.clone();
            verified.spawn(async move { clerk.verify(&api_key(number)).await.is_ok() });
        }
        while let Some(good) = verified.join_next().await {
            assert!(good.expect("a task ends"), "every key is known");
        }
        start.elapsed()
    })
}
