//! The layer before a service that does nothing, called without HTTP.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use clerk_machine_auth::{
    AuthError, Authenticator, ClerkMachineAuth, middleware::ClerkMachineAuthService,
};
use http::header::{ACCEPT, AUTHORIZATION, HOST, HeaderValue, USER_AGENT};
use http::{Request, Response};
use tower_layer::Layer as _;
use tower_service::Service;

/// Takes a request and gives an empty response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noop;

impl Service<Request<()>> for Noop {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        std::hint::black_box(&request);
        ready(Ok(Response::new(())))
    }
}

/// The layer over [`Noop`]; its rejections have no body.
pub(crate) type Layered = ClerkMachineAuthService<Noop, fn(&AuthError) -> Response<()>>;

pub(crate) fn layered(clerk: &Authenticator) -> Layered {
    let rejection: fn(&AuthError) -> Response<()> = |error| {
        let mut response = Response::new(());
        *response.status_mut() = error.status();
        response
    };
    ClerkMachineAuth::new(clerk.clone())
        .on_rejection(rejection)
        .layer(Noop)
}

/// The field of a token; clones share its bytes.
pub(crate) fn bearer(token: &str) -> HeaderValue {
    HeaderValue::try_from(format!("Bearer {token}")).expect("a token is a field value")
}

/// A request as a client would send it.
pub(crate) fn request(token: &HeaderValue) -> Request<()> {
    let mut request = Request::new(());
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_static("reports.internal"));
    headers.insert(USER_AGENT, HeaderValue::from_static("billing/1.0"));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(AUTHORIZATION, token.clone());
    request
}

/// What a server or a router has put into a request before: axum's puts two and more.
#[derive(Debug, Clone, Copy)]
struct Routed;

/// A request as it comes from a router, with something among its extensions.
pub(crate) fn routed(token: &HeaderValue) -> Request<()> {
    let mut request = request(token);
    request.extensions_mut().insert(Routed);
    request
}

/// Calls a service that answers at once.
pub(crate) fn call<S>(service: &mut S, request: Request<()>) -> Response<()>
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let mut future = pin!(service.call(request));
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(Ok(response)) => response,
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => Response::builder()
            .status(599)
            .body(())
            .expect("a response is built"),
    }
}
