//! Requests with every outcome, in known numbers.

use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use axum::{Json, Router};
use clerk_machine_auth::testing::{ClerkEmulator, EmulatedMachine, Endpoint as At, Fault};
use clerk_machine_auth::{Authenticator, ClerkMachineAuth, MachineAuth, RequireScopes};
use tower::ServiceExt as _;

/// A word that stands in every token, identifier and path of the scenario, and in no export.
pub(crate) const CANARY: &str = "canary7f3a";

pub(crate) struct Scenario {
    pub(crate) clerk: ClerkEmulator,
    pub(crate) auth: Authenticator,
    me: EmulatedMachine,
}

async fn whoami(auth: Option<MachineAuth>) -> Json<bool> {
    Json(auth.is_some())
}

/// A service with a public part, a part for everybody with a token, and one that requires a scope.
pub(crate) fn app(layer: ClerkMachineAuth) -> Router {
    let scopes = RequireScopes::all(["reports:read"]);
    Router::new()
        .route("/whoami", get(whoami))
        .route(&format!("/{CANARY}"), get(whoami).route_layer(scopes))
        .layer(layer)
}

pub(crate) async fn ask(app: &Router, path: &str, token: Option<&str>) -> u16 {
    let request = Request::get(path);
    let request = match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    };
    let request = request.body(Body::empty()).unwrap();
    app.clone()
        .oneshot(request)
        .await
        .unwrap()
        .status()
        .as_u16()
}

impl Scenario {
    pub(crate) async fn new() -> Self {
        let clerk = ClerkEmulator::start().await;
        let me = clerk.machine("me").create();
        let auth = clerk.authenticator_for(&me);
        Self { clerk, auth, me }
    }

    /// Sends the requests.
    pub(crate) async fn run(&self, layer: impl Fn() -> ClerkMachineAuth) {
        let (app, optional) = (app(layer()), app(layer().optional()));
        let reports = format!("/{CANARY}");
        let caller = self.clerk.machine(CANARY).scoped_to(&self.me).create();
        let jwt = self.clerk.m2m_jwt(&caller).create();
        let opaque = self.clerk.m2m_token(&caller).create();
        let reader = self.clerk.api_key(format!("user_{CANARY}"));
        let reader = reader.scopes(["reports:read"]).create();
        let other = self.clerk.api_key(format!("user_{CANARY}2")).create();
        // Allowed: 3 M2M tokens as JWTs, 2 opaque ones, 4 API keys.
        for _ in 0..3 {
            assert_eq!(ask(&app, "/whoami", Some(jwt.token())).await, 200);
        }
        for _ in 0..2 {
            assert_eq!(ask(&app, "/whoami", Some(opaque.token())).await, 200);
            assert_eq!(ask(&app, &reports, Some(reader.token())).await, 200);
            assert_eq!(ask(&optional, "/whoami", Some(reader.token())).await, 200);
        }
        // Forbidden by the layer inside: 3 API keys.
        for _ in 0..3 {
            assert_eq!(ask(&app, &reports, Some(other.token())).await, 403);
        }
        self.rejected(&app, &optional).await;
        self.unavailable(&app).await;
    }

    async fn rejected(&self, app: &Router, optional: &Router) {
        // Missing: 2, one of them where a scope is required inside an optional layer.
        assert_eq!(ask(app, "/whoami", None).await, 401);
        assert_eq!(ask(optional, &format!("/{CANARY}"), None).await, 401);
        // Anonymous: 2.
        for _ in 0..2 {
            assert_eq!(ask(optional, "/whoami", None).await, 200);
        }
        // Malformed: 1.
        assert_eq!(ask(app, "/whoami", Some("a b")).await, 400);
        // Invalid: an unknown M2M token twice, an unknown OAuth token, no token of Clerk's.
        let unknown = format!("mt_{CANARY}");
        assert_eq!(ask(app, "/whoami", Some(&unknown)).await, 401);
        assert_eq!(ask(app, "/whoami", Some(&unknown)).await, 401);
        assert_eq!(
            ask(app, "/whoami", Some(&format!("oat_{CANARY}"))).await,
            401
        );
        assert_eq!(ask(app, "/whoami", Some(CANARY)).await, 401);
    }

    /// Unavailable: 1, after an attempt and its retry.
    async fn unavailable(&self, app: &Router) {
        self.clerk
            .fault(At::VerifyApiKey, Fault::status(503))
            .always();
        let key = format!("ak_{CANARY}");
        assert_eq!(ask(app, "/whoami", Some(&key)).await, 503);
    }
}
