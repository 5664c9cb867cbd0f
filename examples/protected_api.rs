//! A service that other services and keys call, protected by a `ClerkMachineAuth` layer:
//!
//! ```sh
//! cargo run --example protected_api
//! ```
//!
//! Without Clerk's settings in the environment it starts an emulator with two machines, an API key
//! and OAuth tokens. It prints them as `NAME=value` lines that a shell can read, then `curl` lines
//! that use them, and last `listening on http://…`. With `CLERK_SECRET_KEY`,
//! `CLERK_MACHINE_SECRET_KEY`, `CLERK_JWT_KEY` or `CLERK_PUBLISHABLE_KEY` it serves against that
//! Clerk instead.
//!
//! - `LISTEN`: address and port, `127.0.0.1:3000` by default; port 0 picks a free one.
//! - `ACCEPTS_TOKEN`: a comma-separated list of `m2m_token`, `api_key` and `oauth_token`; all by
//!   default.
//! - `CLERK_FLEET_URL`, `CLERK_FLEET_KEY`: shares with other replicas over Redis (feature `redis`).
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
    Authenticator, AuthenticatorBuilder, ClerkMachineAuth, Fleet, Health, MachineAuth,
    RequireScopes, TokenType,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Outcome<()> {
    let clerk = Clerk::find().await?;
    let accepted = accepted_types(&variable("ACCEPTS_TOKEN").unwrap_or_default())?;
    let builder = match accepted {
        Some(types) => clerk.builder.accept(types),
        None => clerk.builder,
    };
    let app = app(builder.build()?);
    let listener = listen().await?;
    let base_url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(async move {
        axum::serve(listener, app)
            .with_graceful_shutdown(stopped())
            .await
    });
    writeln!(io::stdout(), "{}", introduction(&base_url, &clerk.tokens))?;
    server.await??;
    Ok(())
}

/// The whole of what a service has to do.
fn app(clerk: Authenticator) -> Router {
    let health = clerk.clone();
    let optional = ClerkMachineAuth::new(clerk.clone()).optional();
    Router::new()
        .route("/whoami", get(whoami))
        .route(
            "/reports",
            get(reports).route_layer(RequireScopes::all(["reports:read"])),
        )
        .layer(ClerkMachineAuth::new(clerk))
        .merge(Router::new().route("/optional", get(greeting)).layer(optional))
        // Added after the layers, and so outside of them.
        .route("/health", get(|| async { "ok" }))
        .route("/ready", get(|| async move { ready(&health) }))
}

/// For the readiness probe of a load balancer.
fn ready(clerk: &Authenticator) -> (StatusCode, Json<Health>) {
    let health = clerk.health();
    let status = if health.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(health))
}

async fn whoami(auth: MachineAuth) -> Json<MachineAuth> {
    Json(auth)
}

async fn reports(auth: MachineAuth) -> Json<Value> {
    Json(json!({ "reports": ["2026-10", "2026-11"], "readBy": auth.subject() }))
}

async fn greeting(auth: Option<MachineAuth>) -> Json<Value> {
    Json(match auth {
        Some(auth) => json!({ "authenticated": true, "auth": auth }),
        None => json!({ "authenticated": false }),
    })
}

/// The Clerk that this service trusts.
struct Clerk {
    builder: AuthenticatorBuilder,
    tokens: Vec<(&'static str, String)>,
    _emulator: Option<ClerkEmulator>,
}

impl Clerk {
    async fn find() -> Outcome<Self> {
        // Only what gives an authenticator something to verify with: a stray `CLERK_…` variable of
        // another tool does not end the demonstration.
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

    /// Seeds an emulator: a machine that may call this service, one that may not, a key, an app.
    async fn emulated() -> Outcome<Self> {
        let clerk = ClerkEmulator::builder().start().await?;
        let me = clerk.machine("protected-api").create();
        let caller = clerk.machine("caller").scoped_to(&me).create();
        let stranger = clerk.machine("stranger").create();
        let user = clerk.new_user_id();
        let day = Duration::from_secs(86_400);
        let text = |token: clerk_machine_auth::testing::IssuedToken| token.token().to_owned();
        let tokens = vec![
            (
                "M2M_JWT",
                text(clerk.m2m_jwt(&caller).lifetime(day).create()),
            ),
            (
                "M2M_OPAQUE",
                text(clerk.m2m_token(&caller).lifetime(day).create()),
            ),
            (
                "M2M_JWT_UNSCOPED",
                text(clerk.m2m_jwt(&stranger).lifetime(day).create()),
            ),
            (
                "M2M_OPAQUE_UNSCOPED",
                text(clerk.m2m_token(&stranger).lifetime(day).create()),
            ),
            (
                "API_KEY",
                text(
                    clerk
                        .api_key(&user)
                        .name("reporting")
                        .scopes(["reports:read"])
                        .lifetime(day)
                        .create(),
                ),
            ),
            (
                "OAUTH_JWT",
                text(
                    clerk
                        .oauth_jwt(&user)
                        .scopes(["profile"])
                        .lifetime(day)
                        .create(),
                ),
            ),
            (
                "OAUTH_OPAQUE",
                text(
                    clerk
                        .oauth_token(&user)
                        .scopes(["profile"])
                        .lifetime(day)
                        .create(),
                ),
            ),
        ];
        let builder = in_fleet(clerk.authenticator_builder(&me))?;
        Ok(Self {
            builder,
            tokens,
            _emulator: Some(clerk),
        })
    }
}

/// Joins the fleet of the environment, as `from_env` does.
fn in_fleet(builder: AuthenticatorBuilder) -> Outcome<AuthenticatorBuilder> {
    let Some(url) = variable("CLERK_FLEET_URL") else {
        return Ok(builder);
    };
    let keys = variable("CLERK_FLEET_KEY").unwrap_or_default();
    let keys = keys.split(',').map(str::trim).filter(|key| !key.is_empty());
    Ok(builder.fleet(keys.fold(Fleet::redis(url)?, Fleet::key)))
}

/// What is printed once the service listens: each value once, then what to do with it.
fn introduction(base_url: &str, tokens: &[(&'static str, String)]) -> String {
    let mut lines = vec![
        format!(
            "# {base_url} is protected; Ctrl-C stops it. Paste all of this into another shell:"
        ),
        format!("BASE_URL={base_url}"),
    ];
    lines.extend(tokens.iter().map(|(name, token)| format!("{name}={token}")));
    if !tokens.is_empty() {
        lines.extend(CURL_LINES.map(str::to_owned));
    }
    lines.push(format!("listening on {base_url}"));
    lines.join("\n")
}

const CURL_LINES: [&str; 15] = [
    "# lets in:",
    "curl -sS -i -H \"Authorization: Bearer $M2M_JWT\" $BASE_URL/whoami  # 200",
    "curl -sS -i -H \"Authorization: Bearer $M2M_OPAQUE\" $BASE_URL/whoami  # 200",
    "curl -sS -i -H \"Authorization: Bearer $API_KEY\" $BASE_URL/reports  # 200",
    "curl -sS -i -H \"Authorization: Bearer $OAUTH_JWT\" $BASE_URL/whoami  # 200",
    "curl -sS -i -H \"Authorization: Bearer $OAUTH_OPAQUE\" $BASE_URL/whoami  # 200",
    "# refuses a machine that may not call this one, a missing scope, and no token:",
    "curl -sS -i -H \"Authorization: Bearer $M2M_JWT_UNSCOPED\" $BASE_URL/whoami  # 401",
    "curl -sS -i -H \"Authorization: Bearer $M2M_OPAQUE_UNSCOPED\" $BASE_URL/whoami  # 401",
    "curl -sS -i -H \"Authorization: Bearer $OAUTH_JWT\" $BASE_URL/reports  # 403",
    "curl -sS -i $BASE_URL/whoami  # 401",
    "# needs no token:",
    "curl -sS -i $BASE_URL/health  # 200",
    "curl -sS -i $BASE_URL/ready  # 200",
    "curl -sS -i $BASE_URL/optional  # 200",
];

fn accepted_types(list: &str) -> Outcome<Option<Vec<TokenType>>> {
    let names = list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let types = names
        .map(|name| {
            name.parse()
                .map_err(|error| format!("ACCEPTS_TOKEN: `{name}`: {error}"))
        })
        .collect::<Result<Vec<TokenType>, _>>()?;
    Ok((!types.is_empty()).then_some(types))
}

async fn listen() -> Outcome<TcpListener> {
    let address = variable("LISTEN").unwrap_or_else(|| "127.0.0.1:3000".to_owned());
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

async fn stopped() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler the process ends by the signal itself.
        std::future::pending::<()>().await;
    }
}
