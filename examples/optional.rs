//! A route for everybody that greets machines by name. A bad token is rejected even here.

use axum::Router;
use axum::routing::get;
use clerk_machine_auth::{Authenticator, ClerkMachineAuth, MachineAuth};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clerk = Authenticator::from_env()?;
    let app = Router::new()
        .route("/", get(greet))
        .layer(ClerkMachineAuth::new(clerk).optional());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}

async fn greet(auth: Option<MachineAuth>) -> String {
    match auth {
        Some(auth) => format!("hello {}\n", auth.subject()),
        None => "hello stranger\n".to_owned(),
    }
}
