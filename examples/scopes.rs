//! Routes that ask for scopes, and routes for one type of token only.

use axum::Router;
use axum::routing::{get, post};
use clerk_machine_auth::{
    ApiKey, Authenticator, ClerkMachineAuth, M2mToken, RequireScopes, TokenType,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clerk = Authenticator::from_env()?;
    let reports = Router::new()
        // All of these, and any one of those.
        .route("/", get(read).route_layer(RequireScopes::all(["reports:read"])))
        .route(
            "/publish",
            post(publish).route_layer(RequireScopes::any(["reports:publish", "admin"])),
        )
        // Keys of users and organizations only: any other token is refused before Clerk is asked.
        .layer(ClerkMachineAuth::new(clerk.clone()).accept([TokenType::ApiKey]));
    let internal = Router::new()
        .route("/reindex", post(reindex))
        .layer(ClerkMachineAuth::new(clerk).accept([TokenType::M2m]));
    let app = Router::new()
        .nest("/reports", reports)
        .nest("/internal", internal);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}

async fn read(key: ApiKey) -> String {
    format!("reports of {}\n", key.subject())
}

async fn publish(key: ApiKey) -> String {
    format!("published for {}\n", key.subject())
}

async fn reindex(token: M2mToken) -> String {
    format!("asked for by {}\n", token.machine_id())
}
