//! How a team tests its own service offline: `cargo test --example test_your_service`

use axum::Router;
use axum::routing::get;
use clerk_machine_auth::{Authenticator, ClerkMachineAuth, MachineAuth};

/// The service under test takes its authenticator from outside.
fn app(clerk: Authenticator) -> Router {
    Router::new()
        .route(
            "/",
            get(|auth: MachineAuth| async move { auth.subject().to_owned() }),
        )
        .layer(ClerkMachineAuth::new(clerk))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = app(Authenticator::from_env()?);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, app).await?)
}

#[cfg(test)]
mod tests {
    use super::app;
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use clerk_machine_auth::testing::{ClerkEmulator, Endpoint, Fault};
    use tower::ServiceExt as _;

    fn request(token: &str) -> Request<Body> {
        let request = Request::get("/").header("authorization", format!("Bearer {token}"));
        request.body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn a_machine_that_may_reach_us_is_let_in_and_another_is_not() {
        let clerk = ClerkEmulator::start().await;
        let me = clerk.machine("my-service").create();
        let friend = clerk.machine("friend").scoped_to(&me).create();
        let stranger = clerk.machine("stranger").create();
        let app = app(clerk.authenticator_for(&me));
        for (sender, status) in [
            (friend, StatusCode::OK),
            (stranger, StatusCode::UNAUTHORIZED),
        ] {
            let token = clerk.m2m_jwt(&sender).create();
            let response = app.clone().oneshot(request(token.token())).await.unwrap();
            assert_eq!(response.status(), status);
        }
    }

    #[tokio::test]
    async fn when_clerk_is_down_an_unknown_key_is_told_to_come_back() {
        let clerk = ClerkEmulator::start().await;
        let app = app(clerk.authenticator_for(&clerk.machine("my-service").create()));
        let key = clerk.api_key(clerk.new_user_id()).create();
        clerk
            .fault(Endpoint::VerifyApiKey, Fault::status(500))
            .always();
        let response = app.oneshot(request(key.token())).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key("retry-after"));
    }
}
