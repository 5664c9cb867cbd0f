//! Checks of gateways: who passes, what the service behind is told, and what no client decides.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use clerk_machine_auth::body::ResponseBody;
use clerk_machine_auth::testing::{ClerkEmulator, EmulatedMachine};
use clerk_machine_auth::{Authenticator, ClerkMachineAuth, ForwardAuth, Gateway, TokenType};
use http::{Method, Request, Response, header};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::support::log;

const FIELDS: [&str; 6] = ["user", "type", "token-id", "client", "org", "scopes"];
const GATEWAYS: [Gateway; 3] = [Gateway::ForwardAuth, Gateway::Nginx, Gateway::Envoy];

struct World {
    clerk: ClerkEmulator,
    caller: EmulatedMachine,
    auth: Authenticator,
}

impl World {
    async fn new() -> Self {
        let clerk = ClerkEmulator::start().await;
        let me = clerk.machine("me").create();
        let caller = clerk.machine("caller").scoped_to(&me).create();
        let builder = clerk.authenticator_builder(&me);
        let auth = builder.grant_scopes(caller.id(), ["granted"]).build();
        Self {
            auth: auth.unwrap(),
            caller,
            clerk,
        }
    }

    fn checks(&self, gateway: Gateway) -> ForwardAuth {
        let any = ClerkMachineAuth::new(self.auth.clone());
        ForwardAuth::new(gateway)
            .policy("any", any.clone())
            .policy("keys", any.clone().accept([TokenType::ApiKey]))
            .policy("reports", any.clone().require_scopes(["reports:read"]))
            .policy("optional", any.optional())
    }

    fn key(&self, scopes: &[&str]) -> String {
        let key = self.clerk.api_key(self.clerk.new_user_id());
        let key = key.scopes(scopes.iter().copied()).create();
        key.token().to_owned()
    }

    fn jwt(&self) -> String {
        let jwt = self.clerk.m2m_jwt(&self.caller).scopes(["claimed"]);
        jwt.create().token().to_owned()
    }
}

/// A body that nobody may read.
struct Unread;

impl Body for Unread {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("a check reads no body");
    }
}

fn get(path: &str, token: Option<&str>) -> Request<Unread> {
    let request = Request::get(path);
    let request = match token {
        Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
        None => request,
    };
    request.body(Unread).unwrap()
}

async fn ask(checks: &ForwardAuth, request: Request<Unread>) -> Response<ResponseBody> {
    checks.clone().oneshot(request).await.unwrap()
}

async fn status(checks: &ForwardAuth, request: Request<Unread>) -> u16 {
    ask(checks, request).await.status().as_u16()
}

/// What the service behind is told; panics unless every field is there once.
fn told(response: &Response<ResponseBody>) -> [&str; 6] {
    assert_eq!(response.status(), 200);
    FIELDS.map(|name| {
        let values = response.headers().get_all(format!("x-auth-request-{name}"));
        let values: Vec<_> = values.iter().collect();
        assert_eq!(values.len(), 1, "{name}");
        values[0].to_str().unwrap()
    })
}

fn is_silent(response: &Response<ResponseBody>) -> bool {
    let mut names = response.headers().keys();
    !names.any(|name| name.as_str().starts_with("x-"))
}

#[tokio::test]
async fn f1_every_method_is_a_check_and_a_yes_is_200_without_a_body() {
    let world = World::new().await;
    let checks = world.checks(Gateway::ForwardAuth);
    let token = world.jwt();
    for method in ["GET", "HEAD", "POST", "OPTIONS", "CONNECT", "PURGE"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = get("/any", Some(&token));
        *request.method_mut() = method.clone();
        let response = ask(&checks, request).await;
        assert_eq!(response.status(), 200, "{method}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(body.is_empty(), "{method}");
        let mut request = get("/any", None);
        *request.method_mut() = method.clone();
        assert_eq!(status(&checks, request).await, 401, "{method}");
    }
}

#[tokio::test]
async fn f2_every_field_is_told_and_empty_where_there_is_nothing_to_say() {
    let world = World::new().await;
    let checks = world.checks(Gateway::ForwardAuth);
    let response = ask(&checks, get("/any", Some(&world.jwt()))).await;
    let [user, kind, id, client, org, scopes] = told(&response);
    assert_eq!((user, kind), (world.caller.id(), "m2m"));
    assert!(id.starts_with("mt_"), "{id}");
    // What a machine says of its own scopes is not passed on.
    assert_eq!([client, org, scopes], ["", "", "granted"]);

    let key = world.key(&["reports:read", "reports:write"]);
    let response = ask(&checks, get("/any", Some(&key))).await;
    let [user, kind, id, client, org, scopes] = told(&response);
    assert!(user.starts_with("user_") && id.starts_with("ak_"));
    let rest = [kind, client, org, scopes];
    assert_eq!(rest, ["api_key", "", "", "reports:read reports:write"]);

    let token = world.clerk.oauth_token(world.clerk.new_user_id()).create();
    let response = ask(&checks, get("/any", Some(token.token()))).await;
    let [_, kind, _, client, ..] = told(&response);
    assert_eq!((kind, client.is_empty()), ("oauth", false));

    let response = ask(&checks, get("/optional", None)).await;
    assert_eq!(told(&response), [""; 6]);
}

#[tokio::test]
async fn f2_an_identity_of_more_than_four_kib_is_an_error_and_tells_nothing() {
    let world = World::new().await;
    let checks = world.checks(Gateway::ForwardAuth);
    let scopes = |count| (0..count).map(|number| format!("scope:number:{number:04}"));
    for (count, expected) in [(200, 200), (230, 500)] {
        let key = world.clerk.api_key(world.clerk.new_user_id());
        let key = key.scopes(scopes(count)).create();
        let response = ask(&checks, get("/any", Some(key.token()))).await;
        assert_eq!(response.status(), expected, "{count}");
        assert_eq!(is_silent(&response), expected == 500);
    }
}

#[tokio::test]
async fn f3_a_rejection_tells_nothing_of_an_identity() {
    let world = World::new().await;
    let key = world.key(&[]);
    let nowhere = Authenticator::builder()
        .api_url("http://127.0.0.1:9")
        .secret_key("sk_test_4f8a")
        .machine_id("mch_2xhFjEI5X2qWRvtV13BzSj8H6Dk")
        .build()
        .unwrap();
    for gateway in GATEWAYS {
        let nowhere = ClerkMachineAuth::new(nowhere.clone());
        let checks = world.checks(gateway).policy("nowhere", nowhere);
        let malformed = if gateway == Gateway::Nginx { 401 } else { 400 };
        for (path, token, expected) in [
            ("/any", None, 401),
            ("/any", Some("mt_made_up"), 401),
            ("/any", Some("a b"), malformed),
            ("/keys", Some(&*world.jwt()), 401),
            ("/reports", Some(&*key), 403),
            ("/nowhere", Some("mt_0123456789abcdef0123456789abcdef"), 503),
            ("/none", Some(&*key), 500),
        ] {
            let response = ask(&checks, get(path, token)).await;
            assert_eq!(response.status(), expected, "{gateway:?} {path}");
            assert!(is_silent(&response), "{:?}", response.headers());
            let has_retry = response.headers().contains_key(header::RETRY_AFTER);
            assert_eq!(has_retry, expected == 503);
            let has_challenge = response.headers().contains_key(header::WWW_AUTHENTICATE);
            assert_eq!(has_challenge, expected < 500);
        }
    }
}

#[tokio::test]
async fn f4_the_first_segment_alone_chooses_the_policy() {
    let world = World::new().await;
    let checks = world.checks(Gateway::ForwardAuth);
    let key = world.key(&[]);
    for (path, expected) in [
        ("/any", 200),
        ("/any/", 200),
        ("/any//reports/../x?policy=reports", 200),
        ("/reports", 403),
        ("/reports/../any", 403),
        ("/reports?/any", 403),
        ("/reports/any?policy=any&x=/any", 403),
        ("//any", 500),
        ("/", 500),
        ("/Any", 500),
        ("/%61ny", 500),
        ("/reports%2f..%2fany", 500),
        ("/any;x", 500),
        ("/anything", 500),
        ("/verify/any", 500),
    ] {
        assert_eq!(
            status(&checks, get(path, Some(&key))).await,
            expected,
            "{path}"
        );
    }
    for name in [
        "x-forwarded-uri",
        "x-original-uri",
        "x-original-url",
        "forwarded",
    ] {
        let mut request = get("/reports", Some(&key));
        let value = http::HeaderValue::from_static("/any");
        request
            .headers_mut()
            .insert(http::HeaderName::from_static(name), value);
        assert_eq!(status(&checks, request).await, 403, "{name}");
    }
}

#[tokio::test]
async fn f4_a_policy_that_there_is_not_is_logged_with_the_fix() {
    let world = World::new().await;
    log::listen();
    let checks = ForwardAuth::new(Gateway::ForwardAuth);
    assert_eq!(status(&checks, get("/any", Some(&world.jwt()))).await, 500);
    let text = log::logged();
    assert!(
        text.contains("unknown_policy") && text.contains("ForwardAuth::policy"),
        "{text}"
    );
}

#[tokio::test]
async fn f5_identity_fields_of_the_request_are_never_read() {
    let world = World::new().await;
    for gateway in GATEWAYS {
        let checks = world.checks(gateway);
        let forge = |path: &str, token: Option<&str>| {
            let mut request = get(path, token);
            for name in FIELDS {
                let name = format!("x-auth-request-{name}");
                let name = http::HeaderName::try_from(name).unwrap();
                let value = http::HeaderValue::from_static("forged");
                request.headers_mut().insert(name, value);
            }
            request
        };
        assert_eq!(status(&checks, forge("/any", None)).await, 401);
        let response = ask(&checks, forge("/optional", None)).await;
        assert_eq!(told(&response), [""; 6]);
        let response = ask(&checks, forge("/any", Some(&world.jwt()))).await;
        assert!(!told(&response).contains(&"forged"));
    }
}

#[tokio::test]
async fn f6_nginx_is_told_401_where_it_would_make_500_of_400() {
    let world = World::new().await;
    let challenge = |gateway| {
        let checks = world.checks(gateway);
        async move {
            let response = ask(&checks, get("/any", Some("a b"))).await;
            let challenge = response.headers()[header::WWW_AUTHENTICATE].to_str();
            (response.status().as_u16(), challenge.unwrap().to_owned())
        }
    };
    let invalid_token = r#"Bearer realm="api", error="invalid_token""#.to_owned();
    let invalid_request = r#"Bearer realm="api", error="invalid_request""#.to_owned();
    assert_eq!(challenge(Gateway::Nginx).await, (401, invalid_token));
    assert_eq!(challenge(Gateway::Envoy).await, (400, invalid_request));
}

#[tokio::test]
async fn f6_envoy_is_told_to_remove_the_token_unless_it_is_to_be_forwarded() {
    let world = World::new().await;
    let removes = async |gateway, forward| {
        let layer = ClerkMachineAuth::new(world.auth.clone()).forward_token(forward);
        let checks = ForwardAuth::new(gateway).policy("any", layer);
        let response = ask(&checks, get("/any", Some(&world.jwt()))).await;
        assert_eq!(response.status(), 200);
        let removed = response.headers().get("x-envoy-auth-headers-to-remove");
        removed.is_some_and(|names| names == "authorization")
    };
    assert!(removes(Gateway::Envoy, false).await);
    assert!(!removes(Gateway::Envoy, true).await);
    assert!(!removes(Gateway::Nginx, false).await);
}
