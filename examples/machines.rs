//! A command line for the machines of a Clerk instance, their scopes, secrets, tokens and keys.
//!
//! ```text
//! cargo run --example machines -- list
//! cargo run --example machines -- graph --svg > machines.svg
//! ```
//!
//! Works on the instance of `CLERK_SECRET_KEY` (and `CLERK_API_URL`). Where that is not set, it
//! starts an emulator in this process, with a few machines to look at, and forgets all at the end.
//! Machines are given by id or by name.

#[path = "machines/cli.rs"]
mod cli;
#[path = "machines/command.rs"]
mod command;
#[path = "machines/demo.rs"]
mod demo;
// The drawing of the emulator's console.
#[path = "../src/testing/drawing/mod.rs"]
mod drawing;
#[path = "machines/graph.rs"]
mod graph;
#[path = "machines/output.rs"]
mod output;
#[path = "machines/progress.rs"]
mod progress;
#[cfg(test)]
#[path = "machines/tests.rs"]
mod tests;

use std::error::Error;
use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;

use clap::Parser as _;
use clerk_machine_auth::AdminClient;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let json = cli.json;
    match run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&mut stderr(), json, &*error).ok();
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: cli::Cli) -> Result<(), Box<dyn Error>> {
    if std::env::var_os("CLERK_SECRET_KEY").is_some_and(|secret| !secret.is_empty()) {
        return command::run(cli, &AdminClient::from_env()?, &mut stdout()).await;
    }
    let demo = demo::Demo::start().await?;
    writeln!(
        stderr(),
        "CLERK_SECRET_KEY is not set: this is an emulator, gone at the end"
    )?;
    command::run(cli, &demo.client, &mut stdout()).await
}
