//! Users with session tokens and machines on the same routes:
//!
//! ```sh
//! cargo run --example neighbours
//! ```
//!
//! `ClerkMachineAuth` verifies machine tokens and passes other bearer tokens on. The layer inside
//! verifies session tokens, and rejects what it cannot verify.
//!
//! Without `SESSION_ISSUER` it starts an emulator, and prints `M2M_JWT` and `SESSION` as `NAME=value`
//! lines. With `SESSION_ISSUER`, the Frontend API URL of your instance, and Clerk's settings
//! (`CLERK_SECRET_KEY`, `CLERK_MACHINE_ID`) it trusts that Clerk. The last line is
//! `listening on http://…`.
//!
//! - `LISTEN`: address and port, `127.0.0.1:3000` by default; port 0 picks a free one.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get};
use axum::{Extension, Router};
use clerk_machine_auth::middleware::OtherToken;
use clerk_machine_auth::testing::ClerkEmulator;
use clerk_machine_auth::{
    Authenticator, AuthenticatorBuilder, ClerkMachineAuth, MachineAuth, RequireScopes, reqwest,
};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Who calls: a machine, or a user in a browser.
#[derive(Debug, Clone)]
enum Caller {
    Machine(MachineAuth),
    User(String),
}

/// What a session verifier needs to know. Use Clerk's SDK or a library of its own in its place.
#[derive(Clone)]
struct Sessions {
    keys: Arc<JwkSet>,
    issuer: Arc<str>,
}

#[derive(Deserialize)]
struct SessionClaims {
    sub: String,
    /// Session tokens have a session, machine tokens have none.
    #[serde(rename = "sid")]
    _session: String,
}

impl Sessions {
    async fn fetch(issuer: &str) -> Outcome<Self> {
        let url = format!("{issuer}/.well-known/jwks.json");
        let keys = reqwest::get(url).await?.error_for_status()?.bytes().await?;
        Ok(Self {
            keys: Arc::new(serde_json::from_slice(&keys)?),
            issuer: issuer.into(),
        })
    }

    fn verify(&self, token: &str) -> Option<String> {
        let key = self.keys.find(&decode_header(token).ok()?.kid?)?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&*self.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        let key = DecodingKey::from_jwk(key).ok()?;
        let claims = decode::<SessionClaims>(token, &key, &validation)
            .ok()?
            .claims;
        claims.sub.starts_with("user_").then_some(claims.sub)
    }
}

/// The neighbour: directly inside of `ClerkMachineAuth`, around every route that both serve.
async fn sessions(State(sessions): State<Sessions>, mut request: Request, next: Next) -> Response {
    let caller = if let Some(auth) = request.extensions().get::<MachineAuth>() {
        Some(Caller::Machine(auth.clone()))
    } else if request.extensions().get::<OtherToken>().is_some() {
        let field = request.headers().get(header::AUTHORIZATION);
        let token = field.and_then(|field| field.to_str().ok()?.split_once(' '));
        let user = token.and_then(|(_, token)| sessions.verify(token.trim()));
        user.map(Caller::User)
    } else {
        None
    };
    match caller {
        Some(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        // Nobody gets in whom neither layer knows.
        None => (StatusCode::UNAUTHORIZED, "sign in").into_response(),
    }
}

fn app(clerk: Authenticator, verifier: Sessions) -> Router {
    let whoami = async |Extension(caller): Extension<Caller>| match caller {
        Caller::Machine(auth) => format!("machine token of {}", auth.subject()),
        Caller::User(user) => format!("session of {user}"),
    };
    Router::new()
        .route("/whoami", get(whoami))
        // For machines only: a user has no scopes of machines.
        .route(
            "/reports",
            delete(async || "deleted").route_layer(RequireScopes::all(["reports:write"])),
        )
        .layer(from_fn_with_state(verifier, sessions))
        .layer(ClerkMachineAuth::new(clerk).pass_other_tokens())
}

/// An emulator, a machine that may call this service, and its token and a session token.
async fn emulated() -> Outcome<(ClerkEmulator, Authenticator, [String; 2])> {
    let clerk = ClerkEmulator::builder().start().await?;
    let me = clerk.machine("reports").create();
    let caller = clerk.machine("caller").scoped_to(&me).create();
    let jwt = clerk.m2m_jwt(&caller).create().token().to_owned();
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": clerk.instance_id() });
    let claims = json!({
        "iss": clerk.issuer(), "sub": clerk.new_user_id(), "sid": "sess_demo",
        "iat": 1_700_000_000, "exp": 4_000_000_000_u64,
    });
    let session = clerk.sign_jwt(&header, &claims);
    let auth = clerk.authenticator_for(&me);
    Ok((clerk, auth, [jwt, session]))
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut emulator = None;
    let (auth, issuer) = match std::env::var("SESSION_ISSUER") {
        Ok(issuer) => (AuthenticatorBuilder::from_env()?.build()?, issuer),
        Err(_) => {
            let (clerk, auth, [jwt, session]) = emulated().await?;
            println!("M2M_JWT={jwt}\nSESSION={session}");
            let issuer = clerk.issuer().to_owned();
            emulator = Some(clerk);
            (auth, issuer)
        }
    };
    let app = app(auth, Sessions::fetch(&issuer).await?);
    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("LISTEN: cannot listen on `{address}`: {error}"))?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    drop(emulator);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    use axum::body::Body;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn both_get_in_as_who_they_are_and_nobody_else_does() {
        let (clerk, auth, [jwt, session]) = emulated().await.unwrap();
        let sessions = Sessions::fetch(clerk.issuer()).await.unwrap();
        let app = app(auth, sessions);
        let ask = async |method: &str, path: &str, token: Option<&str>| {
            let mut request = Request::builder().method(method).uri(path);
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let request = request.body(Body::empty()).unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            (status, String::from_utf8(body.to_vec()).unwrap())
        };
        let (status, text) = ask("GET", "/whoami", Some(&jwt)).await;
        assert!(
            status == 200 && text.starts_with("machine token of mch_"),
            "{text}"
        );
        let (status, text) = ask("GET", "/whoami", Some(&session)).await;
        assert!(
            status == 200 && text.starts_with("session of user_"),
            "{text}"
        );

        let forged = format!("{}AAAA", &session[..session.len() - 4]);
        for token in [None, Some("x"), Some("mt_made_up"), Some(&*forged)] {
            assert_eq!(ask("GET", "/whoami", token).await.0, 401, "{token:?}");
        }
        // A machine without the scope, and a user.
        assert_eq!(ask("DELETE", "/reports", Some(&jwt)).await.0, 403);
        assert_eq!(ask("DELETE", "/reports", Some(&session)).await.0, 401);
    }
}
