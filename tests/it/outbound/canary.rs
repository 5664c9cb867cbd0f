//! Rule O7: no token and no secret in a `Debug`, an error, a log line or the health.

use std::error::Error;
use std::fmt::{Debug, Write as _};

use clerk_machine_auth::testing::{Endpoint, Fault};
use clerk_machine_auth::{M2mTokenLayer, TokenFormat};
use http::Request;
use tower::{ServiceExt as _, service_fn};
use tower_layer::Layer as _;

use super::world::{HOUR, SECOND, World, settle};
use crate::support::log;

#[derive(Default)]
struct Shown(String);

impl Shown {
    fn add(&mut self, value: &impl Debug) {
        let _ = write!(self.0, "{value:?} {value:#?}");
    }

    fn add_error(&mut self, error: &(dyn Error + 'static)) {
        let _ = write!(self.0, "{error} {error:?}");
        if let Some(source) = error.source() {
            self.add_error(source);
        }
    }
}

#[tokio::test]
async fn o7_no_token_and_no_secret_is_shown_or_logged() {
    log::listen();
    for format in [TokenFormat::Opaque, TokenFormat::Jwt] {
        let world = World::new().await;
        let (mut shown, secret) = (Shown::default(), world.billing.secret_key().to_owned());
        let builder = world.builder().format(format);
        shown.add(&builder);
        let source = builder.build().unwrap();
        let first = source.token().await.unwrap();
        let layer = M2mTokenLayer::any_origin(source.clone()).retry_once();
        let receiver = service_fn(|request: Request<()>| async move {
            let shown = format!("{request:?}");
            let response = http::Response::builder().status(401).body(shown);
            Ok::<_, std::convert::Infallible>(response.unwrap())
        });
        let client = layer.layer(receiver);
        let request = || Request::get("https://reports.internal").body(()).unwrap();
        let call = client.clone().oneshot(request());
        let response = call.await.unwrap();
        shown.add(response.body());
        shown.add(&(&source, &first, &layer, source.health()));
        let mut service = layer.layer(service_fn(|_: Request<()>| {
            std::future::ready(Ok::<_, std::convert::Infallible>(http::Response::new(())))
        }));
        shown.add(&tower::Service::call(&mut service, request()));

        // Answers that hold the secret of the call and a token.
        let second = source.token().await.unwrap();
        let token = second.expose_secret().to_owned();
        let echo = format!(
            r#"{{"errors":[{{"code":"{secret}","message":"{secret}","meta":{{"a":"{secret}"}}}}],
                "token":"{token}","id":"{token}","subject":"{token}","expiration":"{token}"}}"#
        );
        for status in [400, 401, 403, 503, 201] {
            let fault = Fault::status(status)
                .header("content-type", "application/json")
                .body(echo.clone());
            world.clerk.fault(Endpoint::CreateM2mToken, fault).once();
            world.pass(HOUR * 2);
            let error = source.token().await.unwrap_err();
            shown.add_error(&error);
            let call = client.clone().oneshot(request());
            shown.add_error(&*call.await.unwrap_err());
        }
        world.pass(SECOND * 60);
        settle(&source).await;
        shown.add(&(&source, source.health()));
        shown.0 += &serde_json::to_string(&source.health()).unwrap();
        shown.0 += &log::logged();
        for canary in [secret.as_str(), first.expose_secret(), &token] {
            assert!(!shown.0.contains(canary), "{format:?}: a canary is shown");
        }
        assert!(shown.0.contains("no M2M token"));
    }
    assert!(log::logged().contains("M2M token"), "something is logged");
}
