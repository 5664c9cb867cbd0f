//! A service that calls another one, with a token that mints and renews itself:
//!
//! ```sh
//! cargo run --example caller
//! ```
//!
//! With no `CLERK_*` variable set it brings a Clerk of its own (an emulator) and a receiving
//! service, and while it calls, that Clerk goes through a rotation of its signing key, a rotation of
//! the caller's machine secret, a revocation and an outage. It prints what happened. With
//! `CLERK_API_URL` and `CLERK_MACHINE_SECRET_KEY` set it calls `TARGET` with tokens of that machine.
//!
//! - `TARGET`: the URL to call; its origin gets the token. With `CLERK_*` only.
//! - `REQUESTS` (1000), `CONCURRENCY` (16).
//! - `TOKEN_FORMAT`: `opaque` (default) or `jwt`.
//! - `LIFETIME`: of a token, in seconds; the machine's default otherwise.
//! - `RUST_LOG`: what is logged, `info` by default.
//!
//! The last line on standard output is JSON:
//! `{"requests":1000,"statuses":{"200":1000},"mints":5,"forced":1}`. A call that got no answer
//! counts as status `error`. Ends with 0 if every answer was 2xx.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "caller/calls.rs"]
mod calls;
#[path = "caller/demo.rs"]
mod demo;
#[path = "caller/settings.rs"]
mod settings;

use std::error::Error;
use std::io;
use std::process::ExitCode;

use clerk_machine_auth::{M2mTokenSource, M2mTokenSourceBuilder};
use serde_json::json;
use tracing_subscriber::EnvFilter;

use crate::calls::{Statuses, Target};
use crate::settings::Settings;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    log.with_writer(io::stderr).init();
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns `true` if every answer was 2xx.
async fn run() -> Outcome<bool> {
    let settings = Settings::from_env()?;
    let (source, statuses) = match settings::target()? {
        Some(url) => {
            let source = settings.apply(M2mTokenSourceBuilder::from_env()?).build()?;
            let target = Target::new(source.clone(), url)?;
            let statuses = target.call(settings.requests, settings.concurrency).await;
            (source, statuses)
        }
        None => demo::run(&settings).await?,
    };
    report(&source, &statuses);
    Ok(statuses.are_all_successes())
}

fn report(source: &M2mTokenSource, statuses: &Statuses) {
    let health = source.health();
    let counts = json!(statuses.counts());
    println!(
        r#"{{"requests":{},"statuses":{counts},"mints":{},"forced":{}}}"#,
        statuses.total(),
        health.mints,
        health.forced
    );
}
