//! A service behind a layer, called without a socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use clerk_machine_auth::testing::{ClerkEmulator, EmulatedMachine};
use clerk_machine_auth::{Authenticator, ClerkMachineAuth, MachineAuth, ResponseForAuthError};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

pub(crate) struct World {
    pub(crate) clerk: ClerkEmulator,
    pub(crate) me: EmulatedMachine,
    pub(crate) caller: EmulatedMachine,
    pub(crate) auth: Authenticator,
    /// How often the inner service was called.
    pub(crate) entered: Arc<AtomicUsize>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clerk = ClerkEmulator::start().await;
        let me = clerk.machine("me").create();
        let caller = clerk.machine("caller").scoped_to(&me).create();
        let auth = clerk.authenticator_for(&me);
        Self {
            clerk,
            me,
            caller,
            auth,
            entered: Arc::default(),
        }
    }

    pub(crate) fn layer(&self) -> ClerkMachineAuth {
        ClerkMachineAuth::new(self.auth.clone())
    }

    /// A service that answers with the subject and with the header fields that reached it.
    pub(crate) fn app<R>(&self, layer: ClerkMachineAuth<R>) -> Router
    where
        R: ResponseForAuthError<Body> + Clone + Send + Sync + 'static,
    {
        let entered = Arc::clone(&self.entered);
        let handler = move |request: Request| async move {
            entered.fetch_add(1, Ordering::SeqCst);
            let auth = request.extensions().get::<MachineAuth>();
            let subject = auth.map_or("nobody", |auth| auth.subject()).to_owned();
            let mut fields: Vec<_> = request.headers().keys().map(ToString::to_string).collect();
            fields.sort();
            format!("{subject} {}", fields.join(","))
        };
        Router::new().fallback(handler).layer(layer)
    }

    pub(crate) fn entries(&self) -> usize {
        self.entered.swap(0, Ordering::SeqCst)
    }

    pub(crate) fn jwt(&self) -> String {
        self.clerk.m2m_jwt(&self.caller).create().token().to_owned()
    }

    pub(crate) fn opaque(&self) -> String {
        self.clerk
            .m2m_token(&self.caller)
            .create()
            .token()
            .to_owned()
    }

    pub(crate) fn api_key(&self, scopes: &[&str]) -> String {
        let key = self.clerk.api_key(self.clerk.new_user_id());
        key.scopes(scopes.iter().copied())
            .create()
            .token()
            .to_owned()
    }
}

/// A request with these header fields.
pub(crate) fn request(fields: &[(&str, &str)]) -> Request {
    let request = fields
        .iter()
        .fold(Request::get("/"), |request, (name, value)| {
            request.header(*name, *value)
        });
    request.body(Body::empty()).unwrap()
}

pub(crate) fn bearer(token: &str) -> Request {
    request(&[("authorization", &format!("Bearer {token}"))])
}

pub(crate) async fn call(app: &Router, request: Request) -> Response {
    app.clone().oneshot(request).await.unwrap()
}

pub(crate) async fn status(app: &Router, request: Request) -> u16 {
    call(app, request).await.status().as_u16()
}

pub(crate) async fn text(response: Response) -> String {
    let body: Bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}
