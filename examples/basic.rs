//! The shortest protected service: `CLERK_SECRET_KEY=sk_… CLERK_MACHINE_ID=mch_… cargo run --example basic`

use axum::routing::get;
use axum::{Json, Router};
use clerk_machine_auth::{Authenticator, ClerkMachineAuth, MachineAuth};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clerk = Authenticator::from_env()?;
    let app = Router::new()
        .route("/whoami", get(whoami))
        .layer(ClerkMachineAuth::new(clerk));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}

async fn whoami(auth: MachineAuth) -> Json<MachineAuth> {
    Json(auth)
}
