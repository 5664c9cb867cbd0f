//! The emulator on its own, for services in any language:
//!
//! ```sh
//! cargo run --example emulator -- --listen 127.0.0.1:4010
//! ```
//!
//! It prints `NAME=value` lines that a shell can source, then `listening on http://…`, and serves
//! until it is stopped. `GET /__emulator/requests` returns all requests and answers so far.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clerk_machine_auth::testing::ClerkEmulator;

const USAGE: &str = "usage: emulator [--listen ADDRESS:PORT]";

#[tokio::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let mut builder = ClerkEmulator::builder().configure(|options| options.console = true);
    if let Some(address) = listen(std::env::args().skip(1))? {
        builder = builder.listen(address);
    }
    let clerk = builder
        .start()
        .await
        .map_err(|error| format!("cannot listen: {error}"))?;
    for (name, value) in seed(&clerk) {
        println!("{name}={}", quoted(&value));
    }
    println!("listening on {}", clerk.api_url());
    tokio::signal::ctrl_c().await?;
    clerk.shutdown().await;
    Ok(())
}

/// Reads `--listen ADDRESS:PORT`.
fn listen(mut arguments: impl Iterator<Item = String>) -> Result<Option<SocketAddr>, String> {
    let Some(name) = arguments.next() else {
        return Ok(None);
    };
    let (name, value) = match name.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (name, arguments.next()),
    };
    if name != "--listen" {
        return Err(format!("unknown argument `{name}`\n{USAGE}"));
    }
    let value = value.ok_or_else(|| format!("--listen needs a value\n{USAGE}"))?;
    if let Some(more) = arguments.next() {
        return Err(format!("unknown argument `{more}`\n{USAGE}"));
    }
    let wrong = |_| format!("--listen: `{value}` is not of the form 127.0.0.1:4010\n{USAGE}");
    value.parse().map(Some).map_err(wrong)
}

/// A machine that a service can be, and the OAuth tokens that no API call can create.
fn seed(clerk: &ClerkEmulator) -> Vec<(&'static str, String)> {
    let machine = clerk.machine("my-service").create();
    let user = clerk.new_user_id();
    let scopes = ["profile", "reports:read"];
    let day = Duration::from_secs(86_400);
    let jwt = clerk.oauth_jwt(&user).scopes(scopes).lifetime(day).create();
    let opaque = clerk
        .oauth_token(&user)
        .scopes(scopes)
        .lifetime(day)
        .create();
    vec![
        ("CLERK_API_URL", clerk.api_url().to_owned()),
        ("CLERK_SECRET_KEY", clerk.secret_key().to_owned()),
        ("CLERK_MACHINE_ID", machine.id().to_owned()),
        ("CLERK_MACHINE_SECRET_KEY", machine.secret_key().to_owned()),
        ("CLERK_PUBLISHABLE_KEY", clerk.publishable_key().to_owned()),
        (
            "CLERK_JWT_KEY",
            clerk.jwt_key().trim_end().replace('\n', "\\n"),
        ),
        ("OAUTH_JWT", jwt.token().to_owned()),
        ("OAUTH_OPAQUE", opaque.token().to_owned()),
    ]
}

/// Quotes what a shell would not take as it is.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=+,@%".contains(c);
    if value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{value}'")
    }
}
