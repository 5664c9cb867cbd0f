//! A service that describes itself in OpenAPI with utoipa, its protected routes included:
//!
//! ```sh
//! cargo run --manifest-path examples/openapi/Cargo.toml
//! ```
//!
//! Without Clerk's settings in the environment it starts an emulator, and prints a key as
//! `API_KEY=…`. The last line is `listening on http://…`; the document is at `/openapi.json`.
//!
//! - `LISTEN`: address and port, `127.0.0.1:3000` by default; port 0 takes a free one.

use std::error::Error;

use axum::{Json, Router, routing::get};
use clerk_machine_auth::openapi::SecurityAddon;
use clerk_machine_auth::testing::ClerkEmulator;
use clerk_machine_auth::{
    Authenticator, AuthenticatorBuilder, ClerkMachineAuth, MachineAuth, RequireScopes,
};
use serde::Serialize;
use tokio::net::TcpListener;
use utoipa::{Modify as _, OpenApi, ToSchema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(info(title = "Reports", version = "1"))]
struct Document;

#[derive(Serialize, ToSchema)]
struct Reports {
    months: Vec<String>,
    read_by: String,
}

/// Tells who calls.
#[utoipa::path(
    get, path = "/whoami",
    security(("machineToken" = [])),
    responses((status = 200, body = MachineAuth)),
)]
async fn whoami(auth: MachineAuth) -> Json<MachineAuth> {
    Json(auth)
}

/// Lists the reports.
#[utoipa::path(
    get, path = "/reports",
    security(("machineToken" = ["reports:read"])),
    responses((status = 200, body = Reports)),
)]
async fn reports(auth: MachineAuth) -> Json<Reports> {
    Json(Reports {
        months: vec!["2026-10".to_owned(), "2026-11".to_owned()],
        read_by: auth.subject().to_owned(),
    })
}

/// Tells whether the service runs.
#[utoipa::path(get, path = "/health", responses((status = 200, body = String)))]
async fn health() -> &'static str {
    "ok"
}

/// What the document says of scopes is what the layers ask for: both stand side by side here.
fn app(clerk: Authenticator) -> (Router, utoipa::openapi::OpenApi) {
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(reports).layer(RequireScopes::all(["reports:read"])))
        .routes(routes!(whoami))
        .layer(ClerkMachineAuth::new(clerk))
        .routes(routes!(health))
        .split_for_parts();
    // When all routes are there: it adds the answers of the layer to those that it protects.
    SecurityAddon::new().modify(&mut document);
    let served = document.clone();
    (
        router.route("/openapi.json", get(async || Json(served))),
        document,
    )
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let mut emulator = None;
    let clerk = if set("CLERK_SECRET_KEY") || set("CLERK_MACHINE_SECRET_KEY") {
        AuthenticatorBuilder::from_env()?.build()?
    } else {
        let clerk = emulator.insert(ClerkEmulator::builder().start().await?);
        let key = clerk.api_key(clerk.new_user_id()).scopes(["reports:read"]);
        println!("API_KEY={}", key.create().token());
        clerk.authenticator_for(&clerk.machine("reports").create())
    };
    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("LISTEN: cannot listen on `{address}`: {error}"))?;
    println!("listening on http://{}", listener.local_addr()?);
    let (router, _) = app(clerk);
    Ok(axum::serve(listener, router).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt as _;
    use serde_json::Value;
    use tower::ServiceExt as _;

    /// Every operation answers with a status that the document lists, to a token of each sort.
    #[tokio::test]
    async fn the_document_lists_what_the_service_answers() {
        let clerk = ClerkEmulator::start().await;
        let machine = clerk.machine("reports").create();
        let (router, document) = app(clerk.authenticator_for(&machine));
        let document = serde_json::to_value(&document).unwrap();
        let key = |scopes: &[&str]| {
            let key = clerk
                .api_key(clerk.new_user_id())
                .scopes(scopes.iter().copied());
            key.create().token().to_owned()
        };
        let (plain, reads) = (key(&[]), key(&["reports:read"]));
        for (path, of_none, of_plain, of_reads) in [
            ("/whoami", 401, 200, 200),
            ("/reports", 401, 403, 200),
            ("/health", 200, 200, 200),
        ] {
            for (token, expected) in [
                (None, of_none),
                (Some(&plain), of_plain),
                (Some(&reads), of_reads),
            ] {
                let mut request = Request::get(path);
                if let Some(token) = token {
                    request = request.header("authorization", format!("Bearer {token}"));
                }
                let request = request.body(Body::empty()).unwrap();
                let response = router.clone().oneshot(request).await.unwrap();
                assert_eq!(response.status(), expected, "{path}");
                let listed = &document["paths"][path]["get"]["responses"];
                assert!(
                    !listed[response.status().as_str()].is_null(),
                    "{path} {listed}"
                );
            }
        }
        assert!(document["paths"]["/health"]["get"]["responses"]["401"].is_null());
    }

    #[tokio::test]
    async fn the_document_is_served_and_describes_identities() {
        let clerk = ClerkEmulator::start().await;
        let machine = clerk.machine("reports").create();
        let (router, _) = app(clerk.authenticator_for(&machine));
        let request = Request::get("/openapi.json").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let document: Value = serde_json::from_slice(&body).unwrap();
        let body = &document["paths"]["/whoami"]["get"]["responses"]["200"]["content"];
        let schema = &body["application/json"]["schema"]["$ref"];
        assert_eq!(schema, "#/components/schemas/MachineAuth");
        assert!(document["components"]["schemas"]["MachineAuth"]["oneOf"].is_array());
    }
}
