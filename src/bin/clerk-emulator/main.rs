//! The standalone emulator, for services in any language: `clerk-emulator --help`.
//!
//! ```sh
//! cargo install clerk-machine-auth --features emulator
//! clerk-emulator --listen localhost:4010
//! ```

mod arguments;
mod program;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    program::main().await
}
