//! Rejections in the service's own format, and a count of them by an outer layer.
#![allow(clippy::print_stderr)]

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use clerk_machine_auth::{AuthError, AuthErrorKind, Authenticator, ClerkMachineAuth, MachineAuth};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clerk = Authenticator::from_env()?;
    let app = Router::new()
        .route(
            "/",
            get(|auth: MachineAuth| async move { auth.subject().to_owned() }),
        )
        .layer(ClerkMachineAuth::new(clerk).on_rejection(rejection))
        .layer(from_fn(count));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}

/// The layer adds the challenge, `Retry-After` and `Cache-Control` to whatever this returns.
fn rejection(error: &AuthError) -> Response {
    let body = match error.kind() {
        AuthErrorKind::Unavailable => r#"{"error":"try_again"}"#,
        AuthErrorKind::InsufficientScope => r#"{"error":"forbidden"}"#,
        _ => r#"{"error":"unauthenticated"}"#,
    };
    (error.status(), [("content-type", "application/json")], body).into_response()
}

/// What a client is told is the kind alone; the reason is for the service's own eyes.
async fn count(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if let Some(error) = response.extensions().get::<AuthError>() {
        eprintln!("rejected_total{{reason=\"{}\"}}", error.reason());
    }
    response
}
