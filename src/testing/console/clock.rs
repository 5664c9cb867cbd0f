//! `POST clock`: advances, stops or resumes the clock.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{Answer, Problem};
use super::request::{Request, body};
use crate::testing::reply::Reply;
use crate::testing::shared::Shared;

/// Ten years in seconds, longer than the lifetime of any token.
const FURTHEST: u64 = 315_360_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Change {
    #[serde(default)]
    advance_seconds: u64,
    #[serde(default)]
    frozen: Option<bool>,
}

pub(super) fn change(request: &Request<'_>) -> Answer {
    let change: Change = body(request.call)?;
    if change.advance_seconds > FURTHEST {
        let why = format!("`advanceSeconds` must be at most {FURTHEST}");
        return Err(Problem::invalid(why));
    }
    let clock = &request.shared.clock;
    match change.frozen {
        Some(true) => clock.freeze(),
        Some(false) => clock.unfreeze(),
        None => {}
    }
    clock.advance(Duration::from_secs(change.advance_seconds));
    Ok(Reply::ok(&show(request.shared)))
}

pub(super) fn show(shared: &Shared) -> Value {
    json!({ "now": shared.now(), "frozen": shared.clock.is_frozen() })
}
