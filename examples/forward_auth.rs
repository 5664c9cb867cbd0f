//! Answers the checks of a gateway, so that the services behind it are protected in any language:
//!
//! ```sh
//! GATEWAY=nginx cargo run --example forward_auth
//! ```
//!
//! The configuration of nginx, Caddy and Envoy lies beside it, in `examples/forward_auth`; each file
//! says how to run it.
//!
//! Without Clerk's settings in the environment it starts an emulator, and prints tokens as
//! `NAME=value` lines. With `CLERK_SECRET_KEY`, `CLERK_MACHINE_SECRET_KEY`, `CLERK_JWT_KEY` or
//! `CLERK_PUBLISHABLE_KEY` it asks that Clerk instead. The last line is `listening on http://…`.
//!
//! - `LISTEN`: address and port, `127.0.0.1:4181` by default; port 0 takes a free one. Only the
//!   gateway should reach it.
//! - `GATEWAY`: `nginx`, `envoy`, or `forward-auth` (the default) for Caddy, Traefik and others.
//! - `POLICIES`: `name=scope+scope,…`; a policy without scopes is `name`. The default is
//!   `any,reports=reports:read`.
//! - `RUST_LOG`: what is logged.
//!
//! Checks are answered at `/verify/<policy>` and below it, readiness at `/healthz`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use clerk_machine_auth::testing::ClerkEmulator;
use clerk_machine_auth::{
    Authenticator, AuthenticatorBuilder, ClerkMachineAuth, ForwardAuth, Gateway, Health,
};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Outcome<()> {
    let gateway = gateway(&variable("GATEWAY").unwrap_or_else(|| "forward-auth".to_owned()))?;
    let policies = variable("POLICIES").unwrap_or_else(|| "any,reports=reports:read".to_owned());
    let clerk = Clerk::find().await?;
    let auth = clerk.builder.build()?;
    let checks = checks(gateway, &auth, &policies)?;
    let app = Router::new()
        .nest_service("/verify", checks)
        .route("/healthz", get(|| async move { ready(&auth) }));
    let listener = listen().await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    for (name, token) in &clerk.tokens {
        writeln!(io::stdout(), "{name}={token}")?;
    }
    writeln!(io::stdout(), "listening on {url}")?;
    server.await??;
    Ok(())
}

/// A policy for each name, with the scopes that stand behind it.
fn checks(gateway: Gateway, auth: &Authenticator, policies: &str) -> Outcome<ForwardAuth> {
    let mut checks = ForwardAuth::new(gateway);
    for policy in policies.split(',').map(str::trim) {
        let (name, scopes) = policy.split_once('=').unwrap_or((policy, ""));
        let mut layer = ClerkMachineAuth::new(auth.clone());
        if policy.contains('=') {
            let scopes = layer.try_require_scopes(scopes.split('+'));
            layer = scopes.map_err(|error| format!("POLICIES: `{policy}`: {error}"))?;
        }
        if name.is_empty() || !name.bytes().all(is_name_byte) {
            return Err(format!("POLICIES: `{name}`: use letters, digits, `-` and `_`").into());
        }
        checks = checks.policy(name, layer);
    }
    Ok(checks)
}

/// What needs no encoding in a path.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn gateway(name: &str) -> Outcome<Gateway> {
    match name {
        "forward-auth" => Ok(Gateway::ForwardAuth),
        "nginx" => Ok(Gateway::Nginx),
        "envoy" => Ok(Gateway::Envoy),
        _ => Err(format!("GATEWAY: `{name}` is not `forward-auth`, `nginx` or `envoy`").into()),
    }
}

fn ready(clerk: &Authenticator) -> (StatusCode, Json<Health>) {
    let health = clerk.health();
    let status = if health.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(health))
}

/// The Clerk that is asked: yours, or an emulator with tokens to try.
struct Clerk {
    builder: AuthenticatorBuilder,
    tokens: Vec<(&'static str, String)>,
    _emulator: Option<ClerkEmulator>,
}

impl Clerk {
    async fn find() -> Outcome<Self> {
        const SETTINGS: [&str; 4] = [
            "CLERK_SECRET_KEY",
            "CLERK_MACHINE_SECRET_KEY",
            "CLERK_JWT_KEY",
            "CLERK_PUBLISHABLE_KEY",
        ];
        if SETTINGS.iter().any(|name| variable(name).is_some()) {
            return Ok(Self {
                builder: AuthenticatorBuilder::from_env()?,
                tokens: Vec::new(),
                _emulator: None,
            });
        }
        Self::emulated().await
    }

    async fn emulated() -> Outcome<Self> {
        let clerk = ClerkEmulator::builder().start().await?;
        let me = clerk.machine("gateway").create();
        let caller = clerk.machine("caller").scoped_to(&me).create();
        let stranger = clerk.machine("stranger").create();
        let user = clerk.new_user_id();
        let day = Duration::from_secs(86_400);
        let tokens = [
            ("M2M_JWT", clerk.m2m_jwt(&caller).lifetime(day).create()),
            (
                "M2M_OPAQUE",
                clerk.m2m_token(&caller).lifetime(day).create(),
            ),
            (
                "M2M_JWT_UNSCOPED",
                clerk.m2m_jwt(&stranger).lifetime(day).create(),
            ),
            (
                "API_KEY",
                clerk
                    .api_key(&user)
                    .scopes(["reports:read"])
                    .lifetime(day)
                    .create(),
            ),
            (
                "OAUTH_JWT",
                clerk
                    .oauth_jwt(&user)
                    .scopes(["profile"])
                    .lifetime(day)
                    .create(),
            ),
        ];
        Ok(Self {
            builder: clerk.authenticator_builder(&me),
            tokens: tokens
                .map(|(name, token)| (name, token.token().to_owned()))
                .into(),
            _emulator: Some(clerk),
        })
    }
}

async fn listen() -> Outcome<TcpListener> {
    let address = variable("LISTEN").unwrap_or_else(|| "127.0.0.1:4181".to_owned());
    TcpListener::bind(&address)
        .await
        .map_err(|error| format!("LISTEN: cannot listen on `{address}`: {error}").into())
}

/// Returns a variable that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.trim().is_empty())
}
