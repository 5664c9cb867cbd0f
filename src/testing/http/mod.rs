//! The HTTP face of the emulator: one request in, one answer (or fault) out.

mod api_key_use;
mod api_keys;
mod auth;
mod body;
mod call;
mod dispatch;
mod dump;
mod fields;
mod jwks;
mod m2m_tokens;
mod m2m_verify;
mod machine_access;
mod machines;
mod oauth;
mod query;
mod reply;
mod shape;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use super::fault::{Delivery, Fault};
use super::shared::Shared;
use crate::clock::Clock as _;
use body::AnswerBody;
pub(super) use body::Gone;
pub(super) use call::Call;
pub(super) use reply::Reply;

/// Answers one request; `Err` closes the connection, by a reset if `reset` is set.
pub(super) async fn answer(
    shared: Arc<Shared>,
    reset: Arc<AtomicBool>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Gone> {
    let call = Call::read(request).await.ok_or(Gone)?;
    if let Some(reply) = dump::asked_for(&shared, &call) {
        return Ok(respond(&reply, Delivery::Whole));
    }
    let ticket = arrived(&shared, &call);
    let Some(fault) = shared
        .faults
        .strike(call.route.endpoint, shared.clock.monotonic())
    else {
        let reply = dispatch::handle(&shared, &call);
        shared.log.answered(ticket, &reply);
        return Ok(respond(&reply, Delivery::Whole));
    };
    shared.log.faulted(ticket);
    let reply = spoiled(&shared, &call, &fault).await;
    match fault.delivery() {
        Delivery::Hang => std::future::pending().await,
        Delivery::Drop => return Err(Gone),
        Delivery::Reset => {
            reset.store(true, Ordering::Relaxed);
            return Err(Gone);
        }
        _ => {}
    }
    shared.log.answered(ticket, &reply);
    Ok(respond(&reply, fault.delivery()))
}

fn arrived(shared: &Shared, call: &Call) -> u64 {
    let credential = auth::describe(&shared.state(), call, shared.now());
    shared
        .log
        .arrived(call, credential, shared.clock.unix_time())
}

async fn spoiled(shared: &Shared, call: &Call, fault: &Fault) -> Reply {
    if !fault.waits().is_zero() {
        tokio::time::sleep(fault.waits()).await;
    }
    let real = fault.applies().then(|| dispatch::handle(shared, call));
    fault.spoil(real)
}

fn respond(reply: &Reply, delivery: Delivery) -> Response<AnswerBody> {
    let (length, body) = body::of(reply.body.clone(), delivery);
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
