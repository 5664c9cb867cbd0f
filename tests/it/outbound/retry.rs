//! Rule O8: what a 401 of a receiver leads to.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use clerk_machine_auth::outbound::M2mTokenService;
use clerk_machine_auth::testing::Endpoint;
use clerk_machine_auth::{M2mTokenLayer, M2mTokenSource, TokenSourceError};
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use tower::{ServiceExt as _, service_fn};
use tower_layer::Layer as _;

use super::world::{MINUTE, SECOND, World};

type Body = Full<Bytes>;

/// A receiver in this process: refuses the first `refusals` requests, and counts all.
#[derive(Debug, Clone, Default)]
struct Receiver {
    requests: Arc<AtomicU64>,
    refusals: u64,
    refusal: Refusal,
}

#[derive(Debug, Clone, Copy, Default)]
enum Refusal {
    #[default]
    Status,
    Grpc,
}

impl Receiver {
    fn refusing(refusals: u64) -> Self {
        Self {
            refusals,
            ..Self::default()
        }
    }

    fn answer(&self, request: &Request<Body>) -> Response<Body> {
        let token = request.headers()[header::AUTHORIZATION].clone();
        assert!(token.is_sensitive());
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        let mut response = Response::new(Body::from(format!("answer {number}")));
        if number < self.refusals {
            match self.refusal {
                Refusal::Status => *response.status_mut() = StatusCode::UNAUTHORIZED,
                Refusal::Grpc => {
                    let headers = response.headers_mut();
                    headers.insert("grpc-status", "16".parse().unwrap());
                }
            }
        }
        response.headers_mut().insert("seen", token);
        response
    }

    fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    fn service(
        &self,
    ) -> impl tower::Service<
        Request<Body>,
        Response = Response<Body>,
        Error = Infallible,
        Future: Send,
    > + Clone
    + Send
    + use<> {
        let receiver = self.clone();
        service_fn(move |request| {
            let response = receiver.answer(&request);
            async move { Ok(response) }
        })
    }
}

fn request() -> Request<Body> {
    let body = Body::from("the body");
    Request::post("https://reports.internal/x")
        .body(body)
        .unwrap()
}

fn layer(source: &M2mTokenSource) -> M2mTokenLayer {
    M2mTokenLayer::new(source.clone(), ["https://reports.internal"]).unwrap()
}

fn seen(response: &Response<Body>) -> String {
    response.headers()["seen"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn o8_a_refused_request_is_sent_once_more_with_a_new_token() {
    for refusal in [Refusal::Status, Refusal::Grpc] {
        let world = World::new().await;
        let source = world.source();
        let first = source.token().await.unwrap();
        let receiver = Receiver {
            refusal,
            ..Receiver::refusing(1)
        };
        let client = layer(&source).retry_once().layer(receiver.service());
        let response = client.oneshot(request()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(receiver.requests(), 2);
        assert_ne!(seen(&response), first.header().to_str().unwrap());
        assert_eq!(seen(&response), source.token().await.unwrap().header());
        assert_eq!((world.asked(), source.health().forced), (2, 1));
    }
}

#[tokio::test]
async fn o8_the_second_refusal_goes_to_the_caller_as_it_is() {
    let world = World::new().await;
    let source = world.source();
    let receiver = Receiver::refusing(u64::MAX);
    let client = layer(&source).retry_once().layer(receiver.service());
    let response = client.clone().oneshot(request()).await.unwrap();
    assert_eq!(response.status(), 401);
    let body = http_body_util::BodyExt::collect(response.into_body()).await;
    assert_eq!(body.unwrap().to_bytes(), "answer 1");
    // Within the cooldown no call is made twice.
    for _ in 0..10 {
        let response = client.clone().oneshot(request()).await.unwrap();
        assert_eq!(response.status(), 401);
    }
    assert_eq!((receiver.requests(), world.asked()), (12, 2));
}

#[tokio::test]
async fn o8_without_retry_the_source_is_told_all_the_same() {
    let world = World::new().await;
    let source = world.source();
    let receiver = Receiver::refusing(1);
    let client = layer(&source).layer(receiver.service());
    let response = client.clone().oneshot(request()).await.unwrap();
    assert_eq!((response.status().as_u16(), receiver.requests()), (401, 1));
    let first = seen(&response);
    let response = client.oneshot(request()).await.unwrap();
    assert_ne!(seen(&response), first);
    assert_eq!(source.health().forced, 1);
}

#[tokio::test]
async fn o8_without_another_token_the_first_answer_stands() {
    let world = World::new().await;
    let source = world.source();
    source.warm_up().await.unwrap();
    world.fail(503);
    let receiver = Receiver::refusing(1);
    let client = layer(&source).retry_once().layer(receiver.service());
    let response = client.oneshot(request()).await.unwrap();
    assert_eq!((response.status().as_u16(), receiver.requests()), (401, 1));
}

#[tokio::test]
async fn o8_a_token_that_was_replaced_meanwhile_needs_no_mint() {
    let world = World::new().await;
    let source = world.source();
    let other = source.clone();
    let requests = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&requests);
    // The source has been told already when the first answer comes.
    let receiver = service_fn(move |_: Request<Body>| {
        let (source, count) = (other.clone(), Arc::clone(&count));
        async move {
            let mut response = Response::new(Body::default());
            if count.fetch_add(1, Ordering::SeqCst) == 0 {
                let token = source.token().await.unwrap();
                source.refused(&token);
                source.token().await.unwrap();
                *response.status_mut() = StatusCode::UNAUTHORIZED;
            }
            Ok::<_, Infallible>(response)
        }
    });
    let client = layer(&source).retry_once().layer(receiver);
    assert_eq!(client.oneshot(request()).await.unwrap().status(), 200);
    assert_eq!(world.asked(), 2);
}

#[tokio::test]
async fn o8_a_call_without_a_token_fails_and_is_not_sent() {
    let world = World::new().await;
    let source = world.source();
    world.fail(500);
    let receiver = Receiver::default();
    let client = layer(&source).layer(receiver.service());
    for _ in 0..2 {
        let error = client.clone().oneshot(request()).await.unwrap_err();
        error.downcast::<TokenSourceError>().unwrap();
    }
    assert_eq!(receiver.requests(), 0);
}

#[tokio::test]
async fn o8_a_service_whose_future_is_dropped_anywhere_goes_on() {
    let world = World::new().await;
    let source = world.source();
    let receiver = Receiver::refusing(1);
    let client = layer(&source).retry_once().layer(receiver.service());
    let dropped = tokio::time::timeout(Duration::ZERO, client.clone().oneshot(request())).await;
    assert!(dropped.is_err());
    assert_eq!(client.oneshot(request()).await.unwrap().status(), 200);
    assert_eq!(world.clerk.calls(Endpoint::CreateM2mToken), 2);
}

#[tokio::test]
async fn o8_a_receiver_that_always_refuses_costs_one_mint_in_thirty_seconds() {
    let world = World::new().await;
    let source = world.source();
    let receiver = Receiver::refusing(u64::MAX);
    let mut client = layer(&source).retry_once().layer(receiver.service());
    // 1 000 calls a second for ten minutes.
    for _ in 0..600_000 {
        let response = call(&mut client).await;
        assert_eq!(response.status(), 401);
        world.pass(Duration::from_millis(1));
    }
    println!(
        "600 000 calls refused: {} mints, {} requests",
        world.asked(),
        receiver.requests()
    );
    assert!(world.asked() <= 21, "{} mints", world.asked());
    assert!(receiver.requests() <= 600_000 + 20);
    world.pass(MINUTE + SECOND);
    assert!(source.health().ready);
}

async fn call<S, R>(client: &mut M2mTokenService<S, R>) -> Response<Body>
where
    M2mTokenService<S, R>: tower::Service<Request<Body>, Response = Response<Body>>,
    <M2mTokenService<S, R> as tower::Service<Request<Body>>>::Error: std::fmt::Debug,
{
    let ready = client.ready().await.unwrap();
    tower::Service::call(ready, request()).await.unwrap()
}
