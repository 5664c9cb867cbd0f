//! Starts the emulator, seeds it, prints the settings for a service, and serves until it is stopped.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clerk_machine_auth::testing::{ClerkEmulator, EmulatedMachine};

use super::arguments::{self, Command, HELP, Settings};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Runs the program with the arguments of the process.
pub(crate) async fn main() -> ExitCode {
    let outcome = match arguments::parse(std::env::args().skip(1)) {
        Ok(Command::Help) => write!(io::stdout(), "{HELP}").map_err(Into::into),
        Ok(Command::Version) => {
            let version = env!("CARGO_PKG_VERSION");
            writeln!(io::stdout(), "clerk-emulator {version}").map_err(Into::into)
        }
        Ok(Command::Serve(settings)) => serve(settings).await,
        Err(mistake) => Err(mistake.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(io::stderr(), "error: {error}").ok();
            ExitCode::FAILURE
        }
    }
}

async fn serve(settings: Settings) -> Outcome<()> {
    let address = arguments::address(&settings.listen, settings.open_to_network).await?;
    let mut builder = ClerkEmulator::builder()
        .listen(address)
        .configure(|options| options.console = true);
    if settings.open_to_network {
        builder = builder.open_to_network();
    }
    if let Some(url) = settings.public_url {
        builder = builder.public_url(url);
    }
    let started = builder.start().await;
    let clerk = started.map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let variables = match &settings.seed {
        Some(file) => seed(&clerk, file)?,
        None => usual(&clerk),
    };
    clerk.checkpoint();
    introduce(&mut io::stdout().lock(), &clerk, &variables)?;
    stopped().await?;
    clerk.shutdown().await;
    Ok(())
}

type Variables = Vec<(String, String)>;

fn seed(clerk: &ClerkEmulator, file: &Path) -> Outcome<Variables> {
    let name = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("--seed {name}: {error}"))?;
    let seeded = clerk
        .seed(&text)
        .map_err(|error| format!("--seed {name}: {error}"))?;
    let mut variables = seeded.machines().first().map(service).unwrap_or_default();
    variables.extend_from_slice(seeded.variables());
    Ok(variables)
}

/// Creates a service, a machine that may call it, and one token of each type.
fn usual(clerk: &ClerkEmulator) -> Variables {
    let day = Duration::from_secs(86_400);
    let machine = clerk.machine("my-service").create();
    let caller = clerk
        .machine("my-caller")
        .scoped_to(&machine)
        .default_token_ttl(day)
        .create();
    let user = clerk.new_user_id();
    let scopes = ["profile", "reports:read"];
    let mut variables = service(&machine);
    let mut add = |name: &str, value: &str| variables.push((name.to_owned(), value.to_owned()));
    add("CALLER_MACHINE_ID", caller.id());
    add("CALLER_MACHINE_SECRET_KEY", caller.secret_key());
    add("USER_ID", &user);
    add("M2M_JWT", clerk.m2m_jwt(&caller).create().token());
    add("M2M_OPAQUE", clerk.m2m_token(&caller).create().token());
    add(
        "API_KEY",
        clerk.api_key(&user).scopes(scopes).create().token(),
    );
    add(
        "OAUTH_JWT",
        clerk.oauth_jwt(&user).scopes(scopes).create().token(),
    );
    add(
        "OAUTH_OPAQUE",
        clerk.oauth_token(&user).scopes(scopes).create().token(),
    );
    variables
}

fn service(machine: &EmulatedMachine) -> Variables {
    vec![
        ("CLERK_MACHINE_ID".to_owned(), machine.id().to_owned()),
        (
            "CLERK_MACHINE_SECRET_KEY".to_owned(),
            machine.secret_key().to_owned(),
        ),
    ]
}

/// Prints everything as shell assignments. The last line is a sentence, and also a call of a function
/// that does nothing.
fn introduce(out: &mut impl Write, clerk: &ClerkEmulator, more: &Variables) -> io::Result<()> {
    let jwt_key = clerk.jwt_key().trim_end().replace('\n', "\\n");
    let own = [
        ("CLERK_API_URL", clerk.api_url()),
        ("CLERK_SECRET_KEY", clerk.secret_key()),
        ("CLERK_PUBLISHABLE_KEY", clerk.publishable_key()),
        ("CLERK_JWT_KEY", &jwt_key),
    ];
    for (name, value) in own {
        writeln!(out, "{name}={}", quoted(value))?;
    }
    for (name, value) in more {
        writeln!(out, "{name}={}", quoted(value))?;
    }
    writeln!(out, "listening() {{ :; }}")?;
    writeln!(out, "listening on {}", clerk.api_url())?;
    out.flush()
}

/// Quotes a value unless a shell reads it literally.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=+,@%".contains(c);
    if value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', "'\\''"))
    }
}

/// Waits for Ctrl-C, or for the signal that stops a container.
#[cfg(unix)]
async fn stopped() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminated.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn stopped() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
