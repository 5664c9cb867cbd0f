//! The emulator on its own, for services in any language:
//!
//! ```sh
//! cargo run --example emulator -- --listen localhost:4010
//! ```
//!
//! It is the program `clerk-emulator`, which `cargo install clerk-machine-auth --features emulator`
//! installs; `--help` lists its options. It prints `NAME=value` lines that a shell can source, then
//! `listening on http://…`, and serves until it is stopped. The console is at that address.

#[path = "../src/bin/clerk-emulator/arguments.rs"]
mod arguments;
#[path = "../src/bin/clerk-emulator/program.rs"]
mod program;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    program::main().await
}
