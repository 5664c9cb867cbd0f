//! What a call costs that takes a token which is at hand.

use clerk_machine_auth::M2mTokenSource;
use clerk_machine_auth::testing::ClerkEmulator;
use futures_util::FutureExt as _;
use tokio::runtime::Runtime;

use crate::support::rows::Rows;
use crate::support::stopwatch::{interleave, subject};

const ROUNDS: usize = 2_000;

pub(crate) fn run(rows: &mut Rows, runtime: &Runtime) {
    let clerk = runtime.block_on(ClerkEmulator::start());
    let billing = clerk.machine("billing").create();
    let source = M2mTokenSource::builder()
        .machine_secret_key(billing.secret_key())
        .api_url(clerk.api_url())
        .build()
        .expect("the settings are sound");
    runtime
        .block_on(source.warm_up())
        .expect("a token is minted");
    let taken = || source.token().now_or_never();
    let header = || {
        let token = source.token().now_or_never()?.ok()?;
        Some(token.header())
    };
    assert!(header().is_some(), "a token is at hand");
    let times = interleave(ROUNDS, vec![subject(taken), subject(header)]);
    rows.at_most("outbound: token() at hand", times.least(0), 50.0, " ns");
    rows.note(
        "outbound: token() and header()",
        format!("{:.0} ns", times.least(1)),
    );
}
