//! What tonic's client sees of a protected server.
#![allow(clippy::unwrap_used)]

use std::error::Error;

use clerk_machine_auth::{M2mTokenLayer, M2mTokenSource, MachineSecretKey};
use grpc::Clerk;
use grpc::proto::reports_client::ReportsClient;
use grpc::proto::{DeleteRequest, ReadRequest, WhoAmIRequest};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::ServiceBuilder;

type Outcome = Result<(), Box<dyn Error>>;

struct World {
    clerk: Clerk,
    channel: Channel,
}

impl World {
    async fn new(protect_all: bool) -> Self {
        let clerk = Clerk::emulated().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let incoming = TcpListenerStream::new(listener);
        let auth = clerk.auth.clone();
        tokio::spawn(async move {
            if protect_all {
                grpc::all(auth).await.serve_with_incoming(incoming).await
            } else {
                grpc::one(auth).await.serve_with_incoming(incoming).await
            }
        });
        let channel = Endpoint::from_shared(url).unwrap().connect_lazy();
        Self { clerk, channel }
    }

    fn reports(&self) -> ReportsClient<Channel> {
        ReportsClient::new(self.channel.clone())
    }

    fn value(&self, name: &str) -> &str {
        let mut values = self.clerk.values.iter();
        &values.find(|(own, _)| *own == name).unwrap().1
    }
}

fn with<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

#[tokio::test]
async fn a_good_token_calls_as_its_machine() -> Outcome {
    let world = World::new(false).await;
    let request = with(world.value("M2M_JWT"), WhoAmIRequest {});
    let me = world.reports().who_am_i(request).await?.into_inner();
    assert!(me.subject.starts_with("mch_"), "{me:?}");
    assert_eq!(me.token_type, "m2m_token");
    assert_eq!(me.scopes, ["reports:read"]);
    Ok(())
}

#[tokio::test]
async fn without_a_token_and_with_a_bad_one_nobody_calls() {
    let world = World::new(false).await;
    let mut reports = world.reports();
    let status = reports.who_am_i(WhoAmIRequest {}).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    for token in ["mt_made_up", world.value("M2M_JWT_UNSCOPED")] {
        let status = reports.who_am_i(with(token, WhoAmIRequest {})).await;
        assert_eq!(status.unwrap_err().code(), Code::Unauthenticated, "{token}");
    }
    let mut twice = with("mt_made_up", WhoAmIRequest {});
    let value = "Bearer mt_another".parse().unwrap();
    twice.metadata_mut().append("authorization", value);
    let status = reports.who_am_i(twice).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn scopes_are_asked_for_by_method_and_by_message() -> Outcome {
    let world = World::new(false).await;
    let mut reports = world.reports();
    let (reads, writes) = (world.value("API_KEY"), world.value("API_KEY_WRITES"));
    let delete = |month: &str| DeleteRequest {
        month: month.to_owned(),
    };

    let mut months = reports
        .read(with(reads, ReadRequest {}))
        .await?
        .into_inner();
    assert_eq!(months.message().await?.unwrap().month, "2026-10");
    let status = reports
        .delete(with(reads, delete("2026-10")))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let deleted = reports
        .delete(with(writes, delete("2026-10")))
        .await?
        .into_inner();
    assert!(deleted.deleted_by.starts_with("user_"), "{deleted:?}");
    let status = reports
        .delete(with(writes, delete("2026-11")))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    Ok(())
}

#[tokio::test]
async fn a_clerk_that_does_not_answer_is_unavailable_with_a_delay() {
    let mut world = World::new(false).await;
    // It is gone, and its port with it.
    world.clerk.emulator = None;
    let request = with("mt_0123456789abcdef0123456789abcdef", WhoAmIRequest {});
    let status = world.reports().who_am_i(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let delay = status.metadata().get("grpc-retry-pushback-ms").unwrap();
    assert!(delay.to_str().unwrap().parse::<u32>().unwrap() > 0);
}

#[tokio::test]
async fn health_is_open_beside_a_protected_service_and_closed_within_a_protected_server() -> Outcome
{
    let open = World::new(false).await;
    let check = || HealthCheckRequest {
        service: "reports.v1.Reports".to_owned(),
    };
    let answer = HealthClient::new(open.channel.clone())
        .check(check())
        .await?;
    assert_eq!(answer.into_inner().status, 1);

    let closed = World::new(true).await;
    let mut health = HealthClient::new(closed.channel.clone());
    let status = health.check(check()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let request = with(closed.value("M2M_JWT"), WhoAmIRequest {});
    closed.reports().who_am_i(request).await?;
    let status = health
        .check(with(closed.value("API_KEY_WRITES"), check()))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    Ok(())
}

#[tokio::test]
async fn the_layer_of_a_client_sends_tokens_of_its_machine() -> Outcome {
    let world = World::new(false).await;
    let secret = MachineSecretKey::new(world.value("CLERK_MACHINE_SECRET_KEY"))?;
    let source = M2mTokenSource::builder()
        .api_url(world.value("CLERK_API_URL"))
        .machine_secret(secret)
        .build()?;
    let channel = ServiceBuilder::new()
        .layer(M2mTokenLayer::any_origin(source))
        .service(world.channel.clone());
    let mut reports = ReportsClient::new(channel);
    for _ in 0..20 {
        let me = reports.who_am_i(WhoAmIRequest {}).await?.into_inner();
        assert_eq!(me.token_type, "m2m_token");
    }
    Ok(())
}
