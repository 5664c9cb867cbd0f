//! Rule 15: a route without a layer is a mistake of the service, and the log says where and what to do.

use axum::Router;
use axum::routing::get;
use clerk_machine_auth::{MachineAuth, RequireScopes};

use crate::layer::world::{World, bearer, call, request, status};
use crate::support::log;

fn app() -> Router {
    let scoped = get(|| async {}).route_layer(RequireScopes::all(["reports:read"]));
    Router::new()
        .route("/scoped/{id}", scoped)
        .route("/extracted/{id}", get(|_: MachineAuth| async {}))
        .route("/maybe/{id}", get(|_: Option<MachineAuth>| async {}))
}

#[tokio::test]
async fn rule_15_a_forgotten_layer_is_logged_with_its_route_and_the_fix() {
    log::listen();
    for path in ["/scoped/1", "/extracted/2", "/maybe/3"] {
        let mut request = request(&[("authorization", "Bearer mt_a")]);
        *request.uri_mut() = format!("{path}?code=canary").parse().unwrap();
        let before = log::logged().len();
        assert_eq!(status(&app(), request).await, 500, "{path}");
        let logged = log::logged()[before..].to_owned();
        assert_eq!(logged.matches("ERROR").count(), 1, "{logged}");
        let parts = [path, "GET", "no_layer", "add `ClerkMachineAuth` outside"];
        assert!(parts.iter().all(|part| logged.contains(part)), "{logged}");
        assert!(!logged.contains("canary"), "{logged}");
    }
}

#[tokio::test]
async fn a_long_path_is_logged_by_its_beginning() {
    log::listen();
    let mut long = request(&[]);
    *long.uri_mut() = format!("/scoped/{}", "a".repeat(5_000)).parse().unwrap();
    assert_eq!(status(&app(), long).await, 500);
    assert!(log::logged().len() < 2_000);
}

#[tokio::test]
async fn rule_16_an_error_of_the_service_says_what_to_mend() {
    let world = World::new().await;
    let bad = world.app(world.layer().require_scopes(["a b"]));
    let token = world.api_key(&[]);
    let response = call(&bad, crate::layer::world::bearer(&token)).await;
    let error = response.extensions().get::<clerk_machine_auth::AuthError>();
    assert!(error.unwrap().to_string().contains("require_scopes"));
    // Outside of a runtime.
    let clerk = world.auth.clone();
    let key = world.api_key(&[]);
    let asked = std::thread::spawn(move || {
        let mut verify = std::pin::pin!(clerk.verify(&key));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match std::future::Future::poll(verify.as_mut(), &mut cx) {
            std::task::Poll::Ready(answer) => answer.unwrap_err().to_string(),
            std::task::Poll::Pending => "pending".to_owned(),
        }
    });
    let said = asked.join().unwrap();
    assert!(said.contains("no Tokio runtime"), "{said}");
}

#[tokio::test]
async fn a_layer_that_accepts_no_type_is_a_mistake_of_the_service() {
    let world = World::new().await;
    for layer in [
        world.layer().accept([]),
        world.layer().accept([]).optional(),
    ] {
        let app = world.app(layer);
        assert_eq!(status(&app, bearer(&world.opaque())).await, 500);
    }
    assert_eq!(world.entries(), 0);
}
