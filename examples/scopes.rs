//! Routes that ask for scopes, and routes for one type of token only.
//!
//! The scopes of API keys and OAuth tokens are Clerk's. A machine may write any scope into its own
//! tokens, so the scopes of machines are granted here, by id.

use axum::Router;
use axum::routing::{get, post};
use clerk_machine_auth::{
    ApiKey, AuthenticatorBuilder, ClerkMachineAuth, M2mToken, MachineAuth, RequireScopes, TokenType,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The machine that archives reports, such as `mch_2yhFjEI5X2qWRvtV13BzSj8H6Dk`.
    let archiver = std::env::var("ARCHIVER_MACHINE_ID")?;
    let clerk = AuthenticatorBuilder::from_env()?
        .grant_scopes(archiver, ["reports:read"])
        .build()?;
    let reports = Router::new()
        // All of these, and any one of those. The archiver may read and not publish.
        .route("/", get(read).route_layer(RequireScopes::all(["reports:read"])))
        .route(
            "/publish",
            post(publish).route_layer(RequireScopes::any(["reports:publish", "admin"])),
        )
        .layer(ClerkMachineAuth::new(clerk.clone()));
    let keys = Router::new()
        .route("/name", get(name))
        // Keys of users and organizations only: any other token is refused before Clerk is asked.
        .layer(ClerkMachineAuth::new(clerk.clone()).accept([TokenType::ApiKey]));
    let internal = Router::new()
        .route("/reindex", post(reindex))
        .layer(ClerkMachineAuth::new(clerk).accept([TokenType::M2m]));
    let app = Router::new()
        .nest("/reports", reports)
        .nest("/keys", keys)
        .nest("/internal", internal);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}

async fn read(auth: MachineAuth) -> String {
    format!("read by {}\n", auth.subject())
}

async fn publish(auth: MachineAuth) -> String {
    format!("published by {}\n", auth.subject())
}

async fn name(key: ApiKey) -> String {
    format!("{:?} of {}\n", key.name(), key.subject())
}

async fn reindex(token: M2mToken) -> String {
    format!("asked for by {}\n", token.machine_id())
}
