//! `GET requests`: the log, for the page and for contract checks from outside the process.

use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::problem::{Answer, Problem};
use super::request::{Query, Request};
use crate::testing::record::{Credential, RecordedRequest, RecordedResponse};
use crate::testing::reply::Reply;

/// The log contains tokens and secrets, so it is only accessible from this host, even if the
/// console is open to others.
fn admit(request: &Request<'_>) -> Result<(), Problem> {
    if request.call.sender.is_loopback() {
        return Ok(());
    }
    let why = "the log is served to the emulator's own machine only";
    Err(Problem::new(403, "foreign_peer", why))
}

pub(super) fn get(request: &Request<'_>) -> Answer {
    admit(request)?;
    let query = Query::of(request.call);
    let (after, limit) = (query.whole("after")?, query.whole("limit")?);
    let limit = limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    let endpoint = query.text("endpoint");
    let wanted =
        |request: &RecordedRequest| endpoint.is_none_or(|name| request.endpoint.name() == name);
    let requests = request.shared.log.after(after, limit, wanted);
    let shown = requests.iter().map(|(id, request)| render(*id, request));
    Ok(Reply::ok(&shown.collect()))
}

pub(super) fn delete(request: &Request<'_>) -> Answer {
    admit(request)?;
    request.shared.log.reset();
    Ok(Reply::empty(204))
}

fn render(id: u64, request: &RecordedRequest) -> Value {
    json!({
        "id": id,
        "receivedAt": u64::try_from(request.received_at.as_millis()).unwrap_or(u64::MAX),
        "endpoint": request.endpoint.name(),
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "credential": credential(&request.credential),
        "headers": headers(&request.headers),
        "body": String::from_utf8_lossy(&request.body),
        "faulted": request.faulted,
        "reason": request.reason,
        "response": request.response.as_ref().map(render_response),
    })
}

fn credential(credential: &Credential) -> Value {
    match credential {
        Credential::None => json!({ "type": "none" }),
        Credential::InstanceSecret => json!({ "type": "instance_secret" }),
        Credential::MachineSecret {
            machine_id,
            current,
        } => {
            json!({ "type": "machine_secret", "machineId": machine_id, "current": current })
        }
        Credential::Unknown => json!({ "type": "unknown" }),
    }
}

fn render_response(response: &RecordedResponse) -> Value {
    json!({
        "status": response.status,
        "headers": headers(&response.headers),
        "body": String::from_utf8_lossy(&response.body),
    })
}

fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let text = |value: &http::HeaderValue| json!(String::from_utf8_lossy(value.as_bytes()));
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}
