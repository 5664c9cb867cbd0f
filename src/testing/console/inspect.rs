//! `POST inspect`: explains a token and why it would be rejected. The token is in the body, because
//! URLs are logged.

use serde::Deserialize;
use serde_json::Value;

use super::problem::Answer;
use super::request::{Request, body};
use crate::testing::inspect::inspect;
use crate::testing::reply::Reply;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    token: String,
    /// The receiving machine, by id or name.
    #[serde(default)]
    receiver: Option<String>,
}

pub(super) fn post(request: &Request<'_>) -> Answer {
    let question: Question = body(request.call)?;
    let state = request.shared.state();
    let receiver = match question.receiver {
        Some(given) => Some(state.machines.find(&given)?.id.clone()),
        None => None,
    };
    let now = request.shared.now();
    let report = inspect(&state, &question.token, receiver.as_deref(), now);
    Ok(Reply::ok(
        &serde_json::to_value(report).unwrap_or(Value::Null),
    ))
}
