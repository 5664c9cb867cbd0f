//! A protected resource in front of a handler that says who calls.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use clerk_machine_auth::testing::ClerkEmulator;
use clerk_machine_auth::{Authenticator, ClerkMachineAuth, MachineAuth, ProtectedResource};
use http::header;
use tower::ServiceExt as _;

pub(crate) const URL: &str = "https://mcp.example.com/mcp";
pub(crate) const METADATA: &str = "/.well-known/oauth-protected-resource/mcp";
pub(crate) const CHALLENGE: &str = "Bearer resource_metadata=\
    \"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\"";

pub(crate) struct World {
    pub(crate) clerk: ClerkEmulator,
    pub(crate) auth: Authenticator,
    pub(crate) resource: ProtectedResource,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clerk = ClerkEmulator::start().await;
        let me = clerk.machine("me").create();
        Self {
            auth: clerk.authenticator_for(&me),
            resource: ProtectedResource::new(URL).unwrap(),
            clerk,
        }
    }

    pub(crate) fn layer(&self) -> ClerkMachineAuth {
        self.resource.layer(self.auth.clone())
    }

    /// A service that answers with the subject and with the header fields that reached it.
    pub(crate) fn app(&self, layer: ClerkMachineAuth) -> Router {
        Router::new().fallback(whoami).layer(layer)
    }

    /// Both forms of a token with this audience and these scopes.
    pub(crate) fn tokens(&self, audience: &str, scopes: &[&str]) -> [String; 2] {
        let user = self.clerk.new_user_id();
        let jwt = self.clerk.oauth_jwt(&user).audience(audience);
        let opaque = self.clerk.oauth_token(&user).audience(audience);
        let jwt = jwt.scopes(scopes.iter().copied()).create();
        let opaque = opaque
            .scopes(scopes.iter().map(ToString::to_string))
            .create();
        [jwt.token().to_owned(), opaque.token().to_owned()]
    }

    pub(crate) fn token(&self, scopes: &[&str]) -> String {
        self.tokens(URL, scopes)[0].clone()
    }
}

async fn whoami(request: Request) -> String {
    let auth = request.extensions().get::<MachineAuth>();
    let subject = auth.map_or("nobody", |auth| auth.subject()).to_owned();
    let mut fields: Vec<_> = request.headers().keys().map(ToString::to_string).collect();
    fields.sort();
    format!("{subject} {}", fields.join(","))
}

pub(crate) fn get(path: &str, token: Option<&str>) -> Request {
    let request = Request::get(path);
    let request = match token {
        Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
        None => request,
    };
    request.body(Body::empty()).unwrap()
}

pub(crate) async fn call(app: &Router, request: Request) -> Response {
    app.clone().oneshot(request).await.unwrap()
}

pub(crate) async fn status(app: &Router, token: &str) -> u16 {
    call(app, get("/mcp", Some(token))).await.status().as_u16()
}

pub(crate) fn challenge(response: &Response) -> &str {
    let challenges = response.headers().get_all(header::WWW_AUTHENTICATE);
    assert_eq!(challenges.iter().count(), 1, "one field line");
    response.headers()[header::WWW_AUTHENTICATE]
        .to_str()
        .unwrap()
}
