//! `/machines/{id}/secret_key` and `/machines/{id}/scopes`.

use serde_json::json;

use super::auth;
use super::call::Call;
use super::fields::{Dialect, Fields};
use super::reply::Reply;
use crate::testing::refusal::Refusal;
use crate::testing::state::State;

/// Eight hours, the longest grace that a secret may have.
const MAX_GRACE: u64 = 28_800;

pub(super) fn get_secret(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    auth::instance(state, call, now)?;
    let secret = &state.machines.get(call.id(0))?.secret;
    Ok(Reply::ok(
        &json!({ "object": "machine_secret_key", "secret": secret }),
    ))
}

pub(super) fn rotate_secret(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    auth::instance(state, call, now)?;
    state.machines.get(call.id(0))?;
    let mut fields = Fields::required(call, Dialect::Machines)?;
    let grace = fields.whole("previous_token_ttl", 0, MAX_GRACE)?;
    let grace = grace.ok_or_else(|| Dialect::Machines.missing("previous_token_ttl"))?;
    fields.finish()?;
    let secret = state.machines.rotate(call.id(0), grace, now)?;
    Ok(Reply::ok(
        &json!({ "object": "machine_secret_key", "secret": secret }),
    ))
}

pub(super) fn create_scope(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    auth::instance(state, call, now)?;
    state.machines.get(call.id(0))?;
    let mut fields = Fields::of(call, Dialect::Machines)?;
    let to = fields.required_text("to_machine_id")?;
    fields.finish()?;
    state.machines.grant(call.id(0), &to, now)?;
    let body = json!({
        "object": "machine_scope",
        "from_machine_id": call.id(0),
        "to_machine_id": to,
        "created_at": now,
    });
    Ok(Reply::ok(&body))
}

pub(super) fn delete_scope(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    auth::instance(state, call, now)?;
    state.machines.revoke_grant(call.id(0), call.id(1), now)?;
    let body = json!({
        "object": "machine_scope",
        "from_machine_id": call.id(0),
        "to_machine_id": call.id(1),
        "deleted": true,
    });
    Ok(Reply::ok(&body))
}
