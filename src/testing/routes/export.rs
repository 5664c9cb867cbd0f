//! `GET /__emulator/requests`: the log, for contract checks from outside the process.

use serde_json::{Map, Value, json};

use crate::testing::record::{RecordedRequest, RecordedResponse};
use crate::testing::reply::Reply;
use crate::testing::request::Call;
use crate::testing::shared::Shared;

const PATH: &str = "/__emulator/requests";

/// The log, if this call asks for it and the options let it be served.
pub(in crate::testing) fn asked_for(shared: &Shared, call: &Call) -> Option<Reply> {
    let asked = call.method == "GET" && call.path == PATH && shared.state().options.serve_log;
    let requests = asked.then(|| shared.log.requests())?;
    Some(Reply::ok(&requests.iter().map(render).collect()))
}

fn render(request: &RecordedRequest) -> Value {
    json!({
        "endpoint": format!("{:?}", request.endpoint),
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": headers(&request.headers),
        "body": String::from_utf8_lossy(&request.body),
        "faulted": request.faulted,
        "response": request.response.as_ref().map(render_response),
    })
}

fn render_response(response: &RecordedResponse) -> Value {
    json!({
        "status": response.status,
        "headers": headers(&response.headers),
        "body": String::from_utf8_lossy(&response.body),
    })
}

fn headers(headers: &http::HeaderMap) -> Map<String, Value> {
    let text = |value: &http::HeaderValue| json!(String::from_utf8_lossy(value.as_bytes()));
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}
