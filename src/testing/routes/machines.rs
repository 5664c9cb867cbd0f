//! `/machines`: the machines, their secrets and scopes.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::auth;
use super::fields::{Dialect, Fields};
use super::query::Query;
use crate::testing::refusal::Refusal;
use crate::testing::reply::Reply;
use crate::testing::request::Call;
use crate::testing::state::State;
use crate::testing::state::machines::{MAX_SCOPES, Machine};

const MAX_TTL: u64 = 315_360_000;
const MAX_NAME: usize = 255;
/// Eight hours, the longest grace period of a secret.
const MAX_GRACE: u64 = 28_800;

pub(super) fn create(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    auth::instance(state, call, now)?;
    let mut fields = Fields::of(call, Dialect::Machines)?;
    let name = checked_name(fields.required_text("name")?)?;
    let scopes = checked_scopes(state, fields.texts("scoped_machines")?.unwrap_or_default())?;
    let ttl = fields
        .whole("default_token_ttl", 1, MAX_TTL)?
        .unwrap_or(3_600);
    fields.finish()?;
    let machine = state.machines.create(&name, scopes, ttl, now);
    let mut body = render(state, &machine);
    body["secret_key"] = json!(machine.secret);
    Ok(Reply::ok(&body))
}

pub(super) fn list(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    auth::instance(state, call, now)?;
    let query = Query::of(call, Dialect::Machines);
    let page = query.page(500)?;
    let order = order(query.text("order_by").unwrap_or("-created_at"))?;
    let wanted = query.text("query").unwrap_or_default().to_lowercase();
    let hit = |machine: &&Machine| {
        machine.name.to_lowercase().contains(&wanted) || machine.id.to_lowercase() == wanted
    };
    let mut machines: Vec<_> = state.machines.all().filter(hit).collect();
    machines.sort_by(|a, b| order(a, b));
    let total = machines.len();
    let data = page.of(machines.into_iter().map(|machine| render(state, machine)));
    Ok(Reply::ok(&json!({ "data": data, "total_count": total })))
}

pub(super) fn get(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    auth::instance(state, call, now)?;
    let machine = state.machines.get(call.id(0))?;
    Ok(Reply::ok(&render(state, machine)))
}

pub(super) fn update(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    auth::instance(state, call, now)?;
    state.machines.get(call.id(0))?;
    let mut fields = Fields::of(call, Dialect::Machines)?;
    let name = fields.text("name")?.map(checked_name).transpose()?;
    let ttl = fields.whole("default_token_ttl", 1, MAX_TTL)?;
    fields.finish()?;
    let machine = state.machines.get_mut(call.id(0))?;
    if let Some(name) = name {
        machine.name = name;
    }
    machine.default_token_ttl = ttl.unwrap_or(machine.default_token_ttl);
    machine.updated_at = now;
    let machine = machine.clone();
    Ok(Reply::ok(&render(state, &machine)))
}

pub(super) fn delete(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    auth::instance(state, call, now)?;
    let id = call.id(0);
    state.delete_machine(id)?;
    Ok(Reply::ok(
        &json!({ "object": "machine", "id": id, "deleted": true }),
    ))
}

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

pub(in crate::testing) fn checked_name(name: String) -> Result<String, Refusal> {
    if (1..=MAX_NAME).contains(&name.chars().count()) {
        return Ok(name);
    }
    let why = format!("must have between 1 and {MAX_NAME} characters");
    Err(Refusal::param_invalid("name", &why))
}

/// The OpenAPI document has no 404 here, so an unknown machine is an invalid value.
fn checked_scopes(state: &State, ids: Vec<String>) -> Result<BTreeSet<String>, Refusal> {
    if ids.len() > MAX_SCOPES {
        let why = format!("must hold at most {MAX_SCOPES} machines");
        return Err(Refusal::param_invalid("scoped_machines", &why));
    }
    if let Some(unknown) = ids.iter().find(|id| !state.machines.contains(id)) {
        let why = format!("names the unknown machine {unknown}");
        return Err(Refusal::param_invalid("scoped_machines", &why));
    }
    Ok(ids.into_iter().collect())
}

type Order = fn(&Machine, &Machine) -> Ordering;

/// A `+` that was not percent-encoded arrives as a space.
fn order(text: &str) -> Result<Order, Refusal> {
    match text.trim_start_matches(['+', ' ']) {
        "name" => Ok(|a, b| a.name.cmp(&b.name).then(a.sequence.cmp(&b.sequence))),
        "-name" => Ok(|a, b| b.name.cmp(&a.name).then(b.sequence.cmp(&a.sequence))),
        "created_at" => Ok(|a, b| a.sequence.cmp(&b.sequence)),
        "-created_at" => Ok(|a, b| b.sequence.cmp(&a.sequence)),
        _ => Err(Refusal::param_invalid(
            "order_by",
            "must be name or created_at",
        )),
    }
}

fn render(state: &State, machine: &Machine) -> Value {
    let reachable = machine
        .scopes
        .iter()
        .filter_map(|id| state.machines.get(id).ok());
    let scoped: Vec<_> = reachable
        .map(|machine| render_flat(state, machine))
        .collect();
    let mut body = render_flat(state, machine);
    body["scoped_machines"] = json!(scoped);
    body
}

/// A machine nested in another one, without its own scopes.
fn render_flat(state: &State, machine: &Machine) -> Value {
    json!({
        "object": "machine",
        "id": machine.id,
        "name": machine.name,
        "instance_id": state.instance.id,
        "created_at": machine.created_at,
        "updated_at": machine.updated_at,
        "default_token_ttl": machine.default_token_ttl,
    })
}
