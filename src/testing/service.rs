//! Responds to a request, completely, truncated, slowly, or with another fault.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};

use super::close::Close;
use super::console;
use super::fault::{Delivery, Fault};
use super::reply::Reply;
use super::request::Call;
use super::routes;
use super::shared::Shared;
use crate::clock::Clock as _;

/// The body of a response.
pub(super) type AnswerBody = UnsyncBoxBody<Bytes, Gone>;

/// The connection was closed by a fault or by the client.
#[derive(Debug)]
pub(super) struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is gone")
    }
}

impl std::error::Error for Gone {}

/// Responds to a request; a fault may close the connection instead.
pub(super) async fn answer(
    shared: Arc<Shared>,
    connection: Arc<Close>,
    peer: Option<IpAddr>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Gone> {
    let call = Call::read(request, peer).await.ok_or(Gone)?;
    if console::is_asked(&shared, &call) {
        let reply = console::answer(shared, call).await;
        return Ok(respond(&reply, Delivery::Whole));
    }
    let ticket = arrived(&shared, &call);
    let Some(fault) = shared
        .faults
        .next_fault(call.route.endpoint, shared.clock.monotonic())
    else {
        let reply = routes::handle(&shared, &call);
        if let Some(reason) = routes::explain(&shared, &call, &reply) {
            shared.log.explained(ticket, reason);
        }
        shared.log.answered(ticket, &reply);
        return Ok(respond(&reply, Delivery::Whole));
    };
    shared.log.faulted(ticket, &fault);
    let reply = faulty(&shared, &call, &fault).await;
    match fault.delivery() {
        Delivery::Hang => std::future::pending().await,
        Delivery::Drop => {
            connection.close();
            return Err(Gone);
        }
        Delivery::Reset => {
            connection.reset();
            return Err(Gone);
        }
        _ => {}
    }
    shared.log.answered(ticket, &reply);
    Ok(respond(&reply, fault.delivery()))
}

fn arrived(shared: &Shared, call: &Call) -> u64 {
    let credential = routes::describe(&shared.state(), call, shared.now());
    shared
        .log
        .arrived(call, credential, shared.clock.unix_time())
}

async fn faulty(shared: &Shared, call: &Call, fault: &Fault) -> Reply {
    if !fault.waits().is_zero() {
        tokio::time::sleep(fault.waits()).await;
    }
    let real = fault.applies().then(|| routes::handle(shared, call));
    fault.apply(real)
}

fn respond(reply: &Reply, delivery: Delivery) -> Response<AnswerBody> {
    let (length, body) = deliver(reply.body.clone(), delivery);
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = reply.headers.clone();
    if let Some(length) = length {
        response
            .headers_mut()
            .insert(http::header::CONTENT_LENGTH, length.into());
    }
    response
}

/// The body, and the announced length if it differs from the length of the body.
fn deliver(bytes: Bytes, delivery: Delivery) -> (Option<usize>, AnswerBody) {
    let length = bytes.len();
    match delivery {
        Delivery::Truncated => {
            // An empty body cannot be truncated, so one byte more than there is is announced.
            let kept = bytes.slice(..length / 2);
            (Some(length.max(1)), cut(kept))
        }
        Delivery::Slow { bytes: step, every } => (Some(length), drip(bytes, step, every)),
        _ => (
            None,
            Full::new(bytes)
                .map_err(|never| match never {})
                .boxed_unsync(),
        ),
    }
}

/// Sends these bytes, and aborts after they have reached the client.
fn cut(kept: Bytes) -> AnswerBody {
    let steps = stream::unfold(Some(kept), |kept| async move {
        if let Some(kept) = kept {
            return Some((Ok(Frame::data(kept)), None));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((Err(Gone), None))
    });
    StreamBody::new(steps).boxed_unsync()
}

fn drip(bytes: Bytes, step: usize, every: Duration) -> AnswerBody {
    let steps = stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(every).await;
        let next = rest.split_to(step.min(rest.len()));
        Some((Ok(Frame::data(next)), rest))
    });
    StreamBody::new(steps).boxed_unsync()
}
