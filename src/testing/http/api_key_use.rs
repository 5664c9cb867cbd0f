//! `/api_keys`: the secret of a key, its end, and its verification.

use serde_json::{Value, json};

use super::api_keys::{admit, find, render, unknown};
use super::call::Call;
use super::fields::{Dialect, Fields};
use super::reply::Reply;
use crate::testing::ids;
use crate::testing::refusal::Refusal;
use crate::testing::state::State;
use crate::testing::state::api_keys::ApiKeyDetail;
use crate::testing::state::vault::Entry;

pub(super) fn get_secret(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    admit(state, call, now)?;
    Ok(Reply::ok(&json!({ "secret": find(state, call)?.secret })))
}

pub(super) fn delete(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    admit(state, call, now)?;
    let id = find(state, call)?.id.clone();
    state.api_keys.vault.remove(&id);
    Ok(Reply::ok(
        &json!({ "object": "api_key", "id": id, "deleted": true }),
    ))
}

pub(super) fn revoke(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    admit(state, call, now)?;
    let id = find(state, call)?.id.clone();
    let mut fields = Fields::required(call, Dialect::Tokens)?;
    let reason = fields.nullable_text("revocation_reason")?.flatten();
    fields.finish()?;
    state.api_keys.vault.revoke(&id, reason, now);
    Ok(Reply::ok(&render(find(state, call)?, now)))
}

pub(super) fn verify(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    admit(state, call, now)?;
    let mut fields = Fields::required(call, Dialect::Tokens)?;
    let secret = fields.required_text("secret")?;
    fields.finish()?;
    let Some(key) = state.api_keys.vault.by_secret(&secret) else {
        return machine_secret(state, &secret, now).ok_or_else(unknown);
    };
    state.refuse_dead(key, now)?;
    let id = key.id.clone();
    state.api_keys.vault.touch(&id, now);
    let key = state.api_keys.vault.get(&id).ok_or_else(unknown)?;
    Ok(Reply::ok(&render(key, now)))
}

/// A machine's secret as an API key of that machine, if the options say that Clerk does so.
fn machine_secret(state: &State, secret: &str, now: u64) -> Option<Reply> {
    if !state.options.machine_secret_is_api_key {
        return None;
    }
    let (machine, _) = state.machines.by_secret(secret, now)?;
    let detail = ApiKeyDetail {
        key_type: "machine_secret".to_owned(),
        name: machine.name.clone(),
        description: None,
        claims: Value::Null,
        scopes: Vec::new(),
        created_by: None,
    };
    let mut key = Entry::new(ids::hex_id("ak"), String::new(), &machine.id, detail);
    key.created_at = machine.created_at;
    key.updated_at = machine.updated_at;
    Some(Reply::ok(&render(&key, now)))
}
