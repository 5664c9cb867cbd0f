//! What is said of protected routes in OpenAPI documents, held against what the layer does.

use axum::Json;
use axum::routing::get;
use clerk_machine_auth::openapi::SecurityAddon;
use clerk_machine_auth::{MachineAuth, RequireScopes};
use http::StatusCode;
use serde_json::{Value, json};
use utoipa::Modify as _;
use utoipa::openapi::path::{OperationBuilder, PathItem};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{HttpMethod, OpenApi, PathsBuilder, ResponseBuilder};

use crate::layer::world::{World, bearer, call, request, text};

const STATUSES: [&str; 4] = ["400", "401", "403", "503"];

fn document(addon: &SecurityAddon, mut api: OpenApi) -> Value {
    addon.modify(&mut api);
    serde_json::to_value(&api).unwrap()
}

/// A schema of the document with all that it refers to.
fn validator(document: &Value, name: &str) -> jsonschema::Validator {
    let schema = json!({
        "$ref": format!("#/components/schemas/{name}"),
        "components": document["components"],
    });
    jsonschema::validator_for(&schema).unwrap()
}

#[tokio::test]
async fn the_schema_of_an_identity_holds_for_each_type_of_token() {
    let world = World::new().await;
    let document = document(&SecurityAddon::new(), OpenApi::default());
    let schema = validator(&document, "MachineAuth");
    let user = world.clerk.new_user_id();
    let oauth = world.clerk.oauth_jwt(&user).audience("https://a.example");
    let oauth = oauth.actor(json!({ "sub": "user_acting" })).create();
    for token in [
        world.jwt(),
        world.opaque(),
        world.api_key(&["reports:read"]),
        oauth.token().to_owned(),
        world.clerk.oauth_token(&user).create().token().to_owned(),
    ] {
        let auth = world.auth.verify(&token).await.unwrap();
        let mut written = serde_json::to_value(&auth).unwrap();
        assert!(schema.is_valid(&written), "{written}");
        written["tokenType"] = json!("session_token");
        assert!(!schema.is_valid(&written), "{written}");
    }
}

#[tokio::test]
async fn the_responses_are_those_of_the_layer() {
    let world = World::new().await;
    let document = document(&SecurityAddon::new(), OpenApi::default());
    let schema = validator(&document, "AuthProblem");
    let whoami = async |auth: MachineAuth| Json(auth);
    let route = get(whoami).layer(RequireScopes::all(["reports:read"]));
    let app = axum::Router::new().route("/", route).layer(world.layer());
    for (name, request, status) in [
        ("MalformedToken", bearer("a b"), 400),
        ("Unauthorized", request(&[]), 401),
        ("MissingScope", bearer(&world.api_key(&[])), 403),
    ] {
        let said = &document["components"]["responses"][name];
        let response = call(&app, request).await;
        assert_eq!(response.status(), status);
        for field in said["headers"].as_object().unwrap().keys() {
            assert!(response.headers().contains_key(field), "{name}: {field}");
        }
        let media_type = response.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(!said["content"][media_type].is_null());
        let problem: Value = serde_json::from_str(&text(response).await).unwrap();
        assert!(schema.is_valid(&problem), "{problem}");
        let title = StatusCode::from_u16(status).unwrap();
        assert_eq!(problem["title"], title.canonical_reason().unwrap());
    }
}

#[test]
fn operations_that_ask_for_a_token_say_how_they_refuse_one() {
    let asks =
        |scopes: &[&str]| SecurityRequirement::new(SecurityAddon::SCHEME, scopes.iter().copied());
    let other = SecurityRequirement::new("session", [""; 0]);
    let operation = |requirement| OperationBuilder::new().security(requirement);
    let own = ResponseBuilder::new().description("mine").build();
    let get = |operation: OperationBuilder| PathItem::new(HttpMethod::Get, operation.build());
    let mut api = OpenApi::default();
    api.paths = PathsBuilder::new()
        .path("/scoped", get(operation(asks(&["reports:read"]))))
        .path("/any", get(operation(asks(&[]))))
        .path("/own", get(operation(asks(&[])).response("401", own)))
        .path("/session", get(operation(other)))
        .path("/general", get(OperationBuilder::new()))
        .path("/open", get(OperationBuilder::new().securities(Some([]))))
        .build();
    let addon = SecurityAddon::new().api_key_header("x-api-key");
    let document = document(&addon, api.clone());
    let statuses = |document: &Value, path: &str| {
        let responses = &document["paths"][path]["get"]["responses"];
        STATUSES.map(|status| !responses[status].is_null())
    };
    assert_eq!(statuses(&document, "/scoped"), [true; 4]);
    assert_eq!(statuses(&document, "/any"), [true, true, false, true]);
    for path in ["/session", "/general", "/open"] {
        assert_eq!(statuses(&document, path), [false; 4], "{path}");
    }
    let kept = &document["paths"]["/own"]["get"]["responses"]["401"];
    assert_eq!(kept["description"], "mine");
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(schemes["machineToken"]["scheme"], "bearer");
    assert_eq!(schemes["machineApiKey"]["name"], "x-api-key");

    api.security = Some(vec![asks(&[])]);
    let document = self::document(&SecurityAddon::new(), api);
    assert_eq!(statuses(&document, "/general"), [true, true, false, true]);
    assert_eq!(statuses(&document, "/open"), [false; 4]);
    assert!(document["components"]["securitySchemes"]["machineApiKey"].is_null());
}
