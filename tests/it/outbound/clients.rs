//! Rule O7 with real clients: hyper-util, tower-http's redirects, tonic, reqwest.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{any, get};
use bytes::{Buf, BufMut, Bytes};
use clerk_machine_auth::{ClerkMachineAuth, M2mTokenLayer, M2mTokenSource, MachineAuth};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tower::{Service, ServiceBuilder, ServiceExt as _};
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_layer::Layer as _;

use super::world::World;

/// What servers have seen of `Authorization`, request by request.
type Seen = Arc<Mutex<Vec<Option<String>>>>;

fn note(seen: &Seen, headers: &HeaderMap) {
    let field = headers.get(header::AUTHORIZATION);
    let field = field.map(|field| field.to_str().unwrap().to_owned());
    seen.lock().unwrap().push(field);
}

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

/// A stranger that only writes down what it gets.
async fn stranger() -> (SocketAddr, Seen) {
    let seen = Seen::default();
    let app = Router::new()
        .fallback(any(
            |State(seen): State<Seen>, headers: HeaderMap| async move {
                note(&seen, &headers);
                "stranger"
            },
        ))
        .with_state(Arc::clone(&seen));
    (serve(app).await, seen)
}

/// A receiver behind this crate's own layer, with redirects to a stranger.
async fn receiver(world: &World, stranger: SocketAddr) -> SocketAddr {
    let auth = world.clerk.authenticator_for(&world.reports);
    let away = format!("http://{stranger}/away");
    let app = Router::new()
        .route(
            "/whoami",
            any(|auth: MachineAuth| async move { auth.subject().to_owned() }),
        )
        .route("/near", get(|| async { Redirect::temporary("/whoami") }))
        .route(
            "/far",
            get(move || async move { Redirect::temporary(&away).into_response() }),
        )
        .layer(ClerkMachineAuth::new(auth));
    serve(app).await
}

struct Net {
    world: World,
    source: M2mTokenSource,
    receiver: String,
    stranger: String,
    seen: Seen,
}

impl Net {
    async fn new() -> Self {
        let world = World::new().await;
        let (stranger, seen) = stranger().await;
        let receiver = receiver(&world, stranger).await;
        Self {
            source: world.source(),
            world,
            receiver: format!("http://{receiver}"),
            stranger: format!("http://{stranger}"),
            seen,
        }
    }

    fn layer(&self) -> M2mTokenLayer {
        M2mTokenLayer::new(self.source.clone(), [&self.receiver]).unwrap()
    }

    /// What the stranger saw since the last look.
    fn stranger_saw(&self) -> Vec<Option<String>> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

fn hyper() -> Client<HttpConnector, Empty<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

fn get_request(url: String) -> Request<Empty<Bytes>> {
    Request::get(url).body(Empty::new()).unwrap()
}

async fn text<B>(response: Response<B>) -> (u16, String)
where
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn o7_hyper_calls_a_listed_origin_with_the_token_and_a_stranger_without() {
    let net = Net::new().await;
    let client = net.layer().layer(hyper());
    let (status, body) = text(
        client
            .clone()
            .oneshot(get_request(format!("{}/whoami", net.receiver)))
            .await
            .unwrap(),
    )
    .await;
    assert_eq!((status, body.as_str()), (200, net.world.billing.id()));
    let request = get_request(format!("{}/", net.stranger));
    client.clone().oneshot(request).await.unwrap();
    assert_eq!(net.stranger_saw(), [None]);
    // By another name, and so another origin.
    let alias = net.receiver.replace("127.0.0.1", "localhost");
    let (status, _) = text(
        client
            .oneshot(get_request(format!("{alias}/whoami")))
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn o7_a_redirect_to_a_stranger_carries_no_token() {
    let net = Net::new().await;
    let inside = ServiceBuilder::new()
        .layer(FollowRedirectLayer::new())
        .layer(net.layer())
        .service(hyper());
    let outside = ServiceBuilder::new()
        .layer(net.layer())
        .layer(FollowRedirectLayer::new())
        .service(hyper());
    for path in ["/near", "/far"] {
        let url = format!("{}{path}", net.receiver);
        let one = text(
            inside
                .clone()
                .oneshot(get_request(url.clone()))
                .await
                .unwrap(),
        )
        .await;
        let other = text(outside.clone().oneshot(get_request(url)).await.unwrap()).await;
        assert_eq!((one.0, other.0), (200, 200), "{path}");
        let expected = match path {
            "/near" => net.world.billing.id(),
            _ => "stranger",
        };
        assert_eq!((one.1.as_str(), other.1.as_str()), (expected, expected));
    }
    assert_eq!(net.stranger_saw(), [None, None]);
}

#[tokio::test]
async fn o7_an_authorization_that_is_there_is_left_alone() {
    let net = Net::new().await;
    let (address, seen) = stranger().await;
    let origin = format!("http://{address}");
    let layer = M2mTokenLayer::new(net.source.clone(), [&origin]).unwrap();
    let client = layer.clone().retry_once().layer(hyper());
    let mut request = get_request(format!("{origin}/"));
    request
        .headers_mut()
        .insert(header::AUTHORIZATION, "Basic eA==".parse().unwrap());
    client.oneshot(request).await.unwrap();
    let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
        .with(layer)
        .build();
    let request = client.get(&origin).header("authorization", "Basic eQ==");
    request.send().await.unwrap();
    let expected = ["Basic eA==", "Basic eQ=="].map(|field| Some(field.to_owned()));
    assert_eq!(*seen.lock().unwrap(), expected);
    assert_eq!(net.world.asked(), 0, "and no token is minted for it");
}

#[tokio::test]
async fn o7_reqwest_calls_a_listed_origin_and_follows_redirects_without_the_token() {
    let net = Net::new().await;
    let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
        .with(net.layer())
        .build();
    for path in ["/whoami", "/near"] {
        let response = client.get(format!("{}{path}", net.receiver)).send();
        let body = response.await.unwrap().text().await.unwrap();
        assert_eq!(body, net.world.billing.id(), "{path}");
    }
    let response = client.get(format!("{}/far", net.receiver)).send().await;
    assert_eq!(response.unwrap().text().await.unwrap(), "stranger");
    client.get(&net.stranger).send().await.unwrap();
    assert_eq!(net.stranger_saw(), [None, None]);
}

#[tokio::test]
async fn o8_reqwest_sends_a_refused_request_once_more() {
    let net = Net::new().await;
    let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
        .with(net.layer().retry_once())
        .build();
    // Revoked before the receiver has seen it.
    let revoked = net.source.token().await.unwrap();
    assert!(net.world.clerk.revoke(revoked.id().as_str()));
    let response = client
        .post(format!("{}/whoami", net.receiver))
        .body("a body");
    let response = response.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), net.world.billing.id());
    assert_eq!((net.world.asked(), net.source.health().forced), (2, 1));
    // Without a token the call is not sent, and says why.
    net.world.fail(401);
    net.world.pass(super::world::HOUR * 2);
    let error = client.get(format!("{}/whoami", net.receiver)).send().await;
    let error = error.unwrap_err();
    assert!(error.to_string().contains("machine secret"), "{error}");
}

#[tokio::test]
async fn o8_a_real_receiver_refuses_a_revoked_token_and_accepts_the_next() {
    let net = Net::new().await;
    let client = net.layer().retry_once().layer(hyper());
    let revoked = net.source.token().await.unwrap();
    assert!(net.world.clerk.revoke(revoked.id().as_str()));
    let request = get_request(format!("{}/whoami", net.receiver));
    let (status, body) = text(client.oneshot(request).await.unwrap()).await;
    assert_eq!((status, body.as_str()), (200, net.world.billing.id()));
    assert_eq!(net.source.health().forced, 1);
}

/// Messages of a call as they are: no protobuf is needed to see a header.
#[derive(Debug, Clone, Copy, Default)]
struct Raw;

impl tonic::codec::Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl tonic::codec::Encoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(
        &mut self,
        item: Bytes,
        buffer: &mut tonic::codec::EncodeBuf<'_>,
    ) -> Result<(), tonic::Status> {
        buffer.put(item);
        Ok(())
    }
}

impl tonic::codec::Decoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(
        &mut self,
        buffer: &mut tonic::codec::DecodeBuf<'_>,
    ) -> Result<Option<Bytes>, tonic::Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// A gRPC server that says `UNAUTHENTICATED` to everything.
async fn grpc(seen: Seen) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            let answer = hyper::service::service_fn(move |request: Request<_>| {
                let _: &hyper::body::Incoming = request.body();
                note(&seen, request.headers());
                let response = Response::builder()
                    .status(StatusCode::OK)
                    .header("content-type", "application/grpc")
                    .header("grpc-status", "16")
                    .body(Full::<Bytes>::default());
                async move { response }
            });
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), answer));
        }
    });
    address
}

#[tokio::test]
async fn o7_a_tonic_channel_gets_the_token_whatever_its_origin() {
    let world = World::new().await;
    let (source, seen) = (world.source(), Seen::default());
    let address = grpc(Arc::clone(&seen)).await;
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = channel.connect().await.unwrap();
    let channel = M2mTokenLayer::any_origin(source.clone()).layer(channel);
    let mut client = tonic::client::Grpc::new(channel);
    let first = source.token().await.unwrap();
    for _ in 0..2 {
        client.ready().await.unwrap();
        let path = http::uri::PathAndQuery::from_static("/reports.Reports/Get");
        let call = client.unary(tonic::Request::new(Bytes::new()), path, Raw);
        let status = call.await.map(|_: tonic::Response<Bytes>| ()).unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unauthenticated);
    }
    // gRPC's word for 401 is taken for one: the second call had another token.
    let second = source.token().await.unwrap();
    let expected = [first, second].map(|t| Some(t.header().to_str().unwrap().to_owned()));
    assert_ne!(expected[0], expected[1]);
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn o7_a_service_that_was_ready_is_the_one_that_is_called() {
    /// Panics if it is called without having been ready, as some of tower's own services do.
    #[derive(Debug, Default)]
    struct Strict {
        is_ready: bool,
    }

    impl Clone for Strict {
        fn clone(&self) -> Self {
            Self::default()
        }
    }

    impl Service<Request<Empty<Bytes>>> for Strict {
        type Response = Response<()>;
        type Error = std::convert::Infallible;
        type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), Self::Error>> {
            self.is_ready = true;
            std::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Empty<Bytes>>) -> Self::Future {
            assert!(std::mem::take(&mut self.is_ready), "called unready");
            let response = Response::builder().status(401).body(()).unwrap();
            std::future::ready(Ok(response))
        }
    }

    let world = World::new().await;
    let layer = M2mTokenLayer::any_origin(world.source()).retry_once();
    let mut client = layer.layer(Strict::default());
    for _ in 0..3 {
        let request = get_request("https://reports.internal/".to_owned());
        let response = client.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(response.status(), 401);
    }
}
