//! The order of layers: what `src/docs/order.md` says, line by line.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use clerk_machine_auth::testing::{Endpoint, Fault};
use clerk_machine_auth::{ClerkMachineAuth, MachineAuth, RequireScopes};
use http::{Method, StatusCode, header};
use tokio::sync::Notify;
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower_http::cors::CorsLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use crate::layer::world::{World, bearer, call, request, status};

fn ask(method: Method, path: &str, token: Option<&str>) -> Request {
    let mut request = match token {
        Some(token) => bearer(token),
        None => request(&[]),
    };
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap();
    request
}

/// Asks whether a script of another origin may ask.
fn preflight() -> Request {
    let mut request = request(&[
        ("origin", "https://app.example"),
        ("access-control-request-method", "GET"),
    ]);
    *request.method_mut() = Method::OPTIONS;
    request
}

fn to(path: &str) -> Request {
    ask(Method::GET, path, None)
}

fn route(path: &str) -> Router {
    Router::new().route(path, get(|| async { "" }))
}

#[tokio::test]
async fn the_last_layer_of_a_router_and_the_first_of_a_builder_are_the_outermost() {
    let world = World::new().await;
    let cors = CorsLayer::permissive;
    let last = route("/").layer(world.layer()).layer(cors());
    let first = route("/").layer(ServiceBuilder::new().layer(cors()).layer(world.layer()));
    assert_eq!(status(&last, preflight()).await, 200);
    assert_eq!(status(&first, preflight()).await, 200);
    let last = route("/").layer(cors()).layer(world.layer());
    let first = route("/").layer(ServiceBuilder::new().layer(world.layer()).layer(cors()));
    assert_eq!(status(&last, preflight()).await, 401);
    assert_eq!(status(&first, preflight()).await, 401);
}

#[tokio::test]
async fn an_unknown_path_is_401_under_layer_and_404_under_route_layer() {
    let world = World::new().await;
    for (app, expected) in [
        (route("/a").layer(world.layer()), 401),
        (route("/a").route_layer(world.layer()), 404),
    ] {
        assert_eq!(status(&app, to("/a")).await, 401);
        assert_eq!(status(&app, to("/unknown")).await, expected);
    }
}

#[tokio::test]
async fn what_is_added_after_the_layer_is_open_and_what_was_there_before_is_covered() {
    let world = World::new().await;
    let app = route("/a")
        .merge(route("/merged"))
        .nest("/nested", route("/b"))
        .layer(world.layer())
        .merge(route("/merged-after"))
        .nest("/nested-after", route("/b"))
        .route("/after", get(|| async { "" }));
    for path in ["/a", "/merged", "/nested/b"] {
        assert_eq!(status(&app, to(path)).await, 401, "{path}");
    }
    for path in ["/after", "/merged-after", "/nested-after/b"] {
        assert_eq!(status(&app, to(path)).await, 200, "{path}");
    }
    // The fallback of the router that is merged is the one that counts.
    assert_eq!(status(&app, to("/unknown")).await, 404);
    let app = route("/a")
        .nest("/nested", route("/b"))
        .layer(world.layer());
    for path in ["/unknown", "/nested/unknown"] {
        assert_eq!(status(&app, to(path)).await, 401, "{path}");
    }
}

#[tokio::test]
async fn a_method_that_a_route_has_not_is_401_or_405() {
    let world = World::new().await;
    let app = route("/a").layer(world.layer());
    assert_eq!(status(&app, ask(Method::POST, "/a", None)).await, 401);
    let routed = get(|| async { "" }).route_layer(world.layer());
    let app = Router::new().route("/a", routed);
    assert_eq!(status(&app, ask(Method::POST, "/a", None)).await, 405);
    assert_eq!(status(&app, ask(Method::GET, "/a", None)).await, 401);
}

#[tokio::test]
async fn a_layer_within_a_nested_router_covers_what_is_below_its_prefix() {
    let world = World::new().await;
    let app = route("/a").nest("/api", route("/b").layer(world.layer()));
    assert_eq!(status(&app, to("/a")).await, 200);
    assert_eq!(status(&app, to("/api/b")).await, 401);
}

#[tokio::test]
async fn scopes_are_asked_for_inside() {
    let world = World::new().await;
    let key = world.api_key(&["reports:read"]);
    let scopes = || RequireScopes::all(["reports:read"]);
    let inside = route("/a").layer(scopes()).layer(world.layer());
    assert_eq!(
        status(&inside, ask(Method::GET, "/a", Some(&key))).await,
        200
    );
    let outside = route("/a").layer(world.layer()).layer(scopes());
    assert_eq!(
        status(&outside, ask(Method::GET, "/a", Some(&key))).await,
        500
    );
}

#[tokio::test]
async fn a_layer_inside_narrows_the_one_outside_without_verifying_again() {
    let world = World::new().await;
    let app = route("/a").layer(world.layer()).layer(world.layer());
    let token = world.opaque();
    assert_eq!(
        status(&app, ask(Method::GET, "/a", Some(&token))).await,
        200
    );
    assert_eq!(world.clerk.calls(Endpoint::VerifyM2mToken), 1);
    let other = ClerkMachineAuth::new(world.clerk.authenticator_for(&world.me));
    let app = route("/a").layer(other).layer(world.layer());
    assert_eq!(
        status(&app, ask(Method::GET, "/a", Some(&token))).await,
        500
    );
}

#[tokio::test]
async fn cors_outside_answers_preflights_and_lets_scripts_read_rejections() {
    let world = World::new().await;
    let cross = || request(&[("origin", "https://app.example")]);
    let allowed = |response: &Response| {
        let name = header::ACCESS_CONTROL_ALLOW_ORIGIN;
        response.headers().contains_key(name)
    };
    let outside = route("/")
        .layer(world.layer())
        .layer(CorsLayer::permissive());
    let response = call(&outside, preflight()).await;
    assert_eq!(
        (response.status().as_u16(), allowed(&response)),
        (200, true)
    );
    let response = call(&outside, cross()).await;
    assert_eq!(
        (response.status().as_u16(), allowed(&response)),
        (401, true)
    );

    let inside = route("/")
        .layer(CorsLayer::permissive())
        .layer(world.layer());
    for request in [preflight(), cross()] {
        let response = call(&inside, request).await;
        assert_eq!(
            (response.status().as_u16(), allowed(&response)),
            (401, false)
        );
    }
}

/// What a trace sees of requests: `Authorization` as it prints, and whether there is an identity.
type Seen = Arc<Mutex<Vec<(String, bool)>>>;

#[tokio::test]
async fn a_trace_outside_sees_rejections_and_one_inside_sees_who_got_in() {
    let world = World::new().await;
    let seen = Seen::default();
    let trace = || {
        let seen = Arc::clone(&seen);
        TraceLayer::new_for_http().make_span_with(move |request: &Request| {
            let token = request.headers().get(header::AUTHORIZATION);
            let identity = request.extensions().get::<MachineAuth>().is_some();
            seen.lock().unwrap().push((format!("{token:?}"), identity));
            tracing::Span::none()
        })
    };
    let hidden = SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION]);
    let token = world.jwt();
    let outside = route("/").layer(world.layer()).layer(trace()).layer(hidden);
    call(&outside, bearer(&token)).await;
    call(&outside, request(&[])).await;
    let printed = [
        ("Some(Sensitive)".to_owned(), false),
        ("None".to_owned(), false),
    ];
    assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), printed);

    let inside = route("/").layer(trace()).layer(world.layer());
    call(&inside, bearer(&token)).await;
    call(&inside, request(&[])).await;
    assert_eq!(*seen.lock().unwrap(), [("None".to_owned(), true)]);
}

#[tokio::test]
async fn a_timeout_outside_counts_the_verification_and_one_inside_does_not() {
    let world = World::new().await;
    let slow = Fault::delay(Duration::from_millis(400));
    world.clerk.fault(Endpoint::VerifyM2mToken, slow).always();
    let timeout = || {
        let time = Duration::from_millis(100);
        TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, time)
    };
    let token = world.opaque();
    let outside = route("/").layer(world.layer()).layer(timeout());
    assert_eq!(status(&outside, bearer(&token)).await, 504);
    // What was begun goes on: it is the only call.
    let inside = route("/").layer(timeout()).layer(world.layer());
    assert_eq!(status(&inside, bearer(&token)).await, 200);
    assert_eq!(world.clerk.calls(Endpoint::VerifyM2mToken), 1);
}

#[tokio::test]
async fn a_limit_of_the_body_outside_spares_the_verification() {
    let world = World::new().await;
    let large = || {
        let mut request = bearer(&world.opaque());
        *request.method_mut() = Method::POST;
        *request.body_mut() = Body::from(vec![0; 100]);
        let length = header::HeaderValue::from_static("100");
        request.headers_mut().insert(header::CONTENT_LENGTH, length);
        request
    };
    let limit = || RequestBodyLimitLayer::new(10);
    let outside = route("/").layer(world.layer()).layer(limit());
    assert_eq!(status(&outside, large()).await, 413);
    assert_eq!(world.clerk.calls(Endpoint::VerifyM2mToken), 0);
    let inside = route("/").layer(limit()).layer(world.layer());
    assert_eq!(status(&inside, large()).await, 413);
    assert_eq!(world.clerk.calls(Endpoint::VerifyM2mToken), 1);
}

#[tokio::test]
async fn rejections_take_no_place_from_those_who_got_in() {
    let world = World::new().await;
    let (entered, release) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let app = |outside: bool| {
        let (entered, release) = (Arc::clone(&entered), Arc::clone(&release));
        let handler = move || async move {
            entered.fetch_add(1, Ordering::SeqCst);
            release.notified().await;
        };
        let app = Router::new().route("/", get(handler));
        let one = GlobalConcurrencyLimitLayer::new(1);
        if outside {
            app.layer(world.layer()).layer(one)
        } else {
            app.layer(one).layer(world.layer())
        }
    };
    for outside in [false, true] {
        let app = app(outside);
        let busy = tokio::spawn({
            let (app, token) = (app.clone(), world.jwt());
            async move { status(&app, bearer(&token)).await }
        });
        while entered.swap(0, Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let rejected = tokio::spawn({
            let app = app.clone();
            async move { status(&app, request(&[])).await }
        });
        if !outside {
            assert_eq!(rejected.await.unwrap(), 401);
            release.notify_one();
        } else {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            assert!(!rejected.is_finished(), "it waits for the place");
            release.notify_one();
            assert_eq!(rejected.await.unwrap(), 401);
        }
        assert_eq!(busy.await.unwrap(), 200);
    }
}
