//! gRPC requests: their answers, beside others on one port, and scopes by method.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use clerk_machine_auth::grpc::{GrpcScopes, RequestExt as _};
use clerk_machine_auth::middleware::{Auto, GrpcStatus};
use clerk_machine_auth::testing::{Endpoint, Fault};
use clerk_machine_auth::{AuthError, ClerkMachineAuth};
use http::header;

use super::world::{World, call};

fn post(path: &str, media_type: Option<&str>, token: Option<&str>) -> Request {
    let mut request = Request::post(path);
    if let Some(media_type) = media_type {
        request = request.header(header::CONTENT_TYPE, media_type);
    }
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(Body::empty()).unwrap()
}

/// The status of gRPC, if the response has one.
fn code(response: &Response) -> Option<&str> {
    let code = response.headers().get("grpc-status")?;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/grpc");
    Some(code.to_str().unwrap())
}

#[tokio::test]
async fn auto_answers_each_request_by_its_media_type() {
    let world = World::new().await;
    let app = world.app(world.layer().on_rejection(Auto));
    for (media_type, is_grpc) in [
        (Some("application/grpc"), true),
        (Some("application/grpc+proto"), true),
        (Some("Application/GRPC; charset=utf-8"), true),
        (Some("application/json"), false),
        (Some("text/plain, application/grpc"), false),
        (Some("application/grp"), false),
        (None, false),
    ] {
        let response = call(&app, post("/", media_type, None)).await;
        let status = response.status().as_u16();
        let expected = if is_grpc {
            (200, Some("16"))
        } else {
            (401, None)
        };
        assert_eq!((status, code(&response)), expected, "{media_type:?}");
        let problem = response.headers()[header::CONTENT_TYPE] == "application/problem+json";
        assert_ne!(problem, is_grpc);
    }
    assert_eq!(world.entries(), 0);
    let response = call(
        &app,
        post("/", Some("application/grpc"), Some(&world.jwt())),
    )
    .await;
    assert_eq!((response.status().as_u16(), code(&response)), (200, None));
}

#[tokio::test]
async fn an_outage_tells_clients_of_grpc_after_how_long_to_try_again() {
    let world = World::new().await;
    let app = world.app(world.layer().on_rejection(GrpcStatus));
    let busy = Fault::status(429).header("retry-after", "7");
    world.clerk.fault(Endpoint::VerifyM2mToken, busy).always();
    let response = call(&app, post("/", None, Some(&world.opaque()))).await;
    assert_eq!(code(&response), Some("14"));
    let delay = response.headers()["grpc-retry-pushback-ms"]
        .to_str()
        .unwrap();
    let delay: u32 = delay.parse().unwrap();
    assert!((1..=7_000).contains(&delay), "{delay}");
    let response = call(&app, post("/", None, Some("mt_made up"))).await;
    assert!(!response.headers().contains_key("grpc-retry-pushback-ms"));
}

fn scoped(world: &World) -> Router {
    let scopes = GrpcScopes::new()
        .without_scopes("/reports.v1.Reports/WhoAmI")
        .method("/reports.v1.Reports/Delete", ["reports:write"])
        .service("reports.v1.Reports", ["reports:read"])
        .method("/reports.v1.Mistaken/Empty", [""; 0]);
    let auth = ClerkMachineAuth::new(world.auth.clone()).on_rejection(GrpcStatus);
    Router::new()
        .fallback(|| async { "" })
        .layer(scopes)
        .layer(auth)
}

#[tokio::test]
async fn grpc_methods_ask_for_their_scopes_and_unlisted_ones_are_closed() {
    let world = World::new().await;
    let app = scoped(&world);
    let (nothing, reads) = (world.api_key(&[]), world.api_key(&["reports:read"]));
    let both = world.api_key(&["reports:read", "reports:write"]);
    for (path, [of_nothing, of_reads, of_both]) in [
        ("/reports.v1.Reports/WhoAmI", [None, None, None]),
        ("/reports.v1.Reports/Delete", [Some("7"), Some("7"), None]),
        ("/reports.v1.Reports/Added", [Some("7"), None, None]),
        ("/reports.v1.Reports/delete", [Some("7"), None, None]),
        ("/reports.v1.Reports/Delete/", [Some("7"), None, None]),
        (
            "/reports.v1.Other/WhoAmI",
            [Some("7"), Some("7"), Some("7")],
        ),
        (
            "//reports.v1.Reports/WhoAmI",
            [Some("7"), Some("7"), Some("7")],
        ),
        ("/reports.v1.Reports", [Some("7"), Some("7"), Some("7")]),
        ("/", [Some("7"), Some("7"), Some("7")]),
        (
            "/reports.v1.Mistaken/Empty",
            [Some("13"), Some("13"), Some("13")],
        ),
    ] {
        for (key, expected) in [(&nothing, of_nothing), (&reads, of_reads), (&both, of_both)] {
            let response = call(&app, post(path, None, Some(key))).await;
            assert_eq!(code(&response), expected, "{path}");
        }
        let response = call(&app, post(path, None, None)).await;
        assert_eq!(code(&response), Some("16"), "{path}");
    }
}

#[tokio::test]
async fn a_method_that_is_not_listed_has_a_reason_of_its_own() {
    let world = World::new().await;
    let response = call(
        &scoped(&world),
        post("/a.B/C", None, Some(&world.api_key(&[]))),
    )
    .await;
    let error = response.extensions().get::<AuthError>().unwrap();
    assert_eq!(error.reason(), "unlisted_method");
}

#[tokio::test]
async fn a_tonic_request_tells_who_calls_or_why_nobody_does() {
    let request = tonic::Request::new(());
    let status = request.machine_auth().unwrap_err();
    assert_eq!(status.code(), tonic::Code::Internal);
    let status = request.require_scopes(["reports:read"]).unwrap_err();
    assert_eq!(status.code(), tonic::Code::Internal);

    let world = World::new().await;
    let mut request = tonic::Request::new(());
    let auth = world
        .auth
        .verify(&world.api_key(&["reports:read"]))
        .await
        .unwrap();
    request.extensions_mut().insert(auth);
    assert!(
        request
            .machine_auth()
            .unwrap()
            .subject()
            .starts_with("user_")
    );
    assert!(request.require_scopes(["reports:read"]).is_ok());
    let status = request.require_scopes(["reports:write"]).unwrap_err();
    assert_eq!(status.code(), tonic::Code::PermissionDenied);
    let status = request.require_scopes([""; 0]).unwrap_err();
    assert_eq!(status.code(), tonic::Code::Internal);
}
