//! Machines, their scopes and secrets, and the signing keys.

use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{Answer, Problem};
use super::request::{Request, body};
use super::state;
use crate::testing::ids;
use crate::testing::reply::Reply;
use crate::testing::seed::apply;
use crate::testing::seed::document::NewMachine;
use crate::testing::state::keys::SigningKey;
use crate::testing::state::machines::Machine;

/// Eight hours, the longest grace period of a secret.
const LONGEST_GRACE: u64 = 28_800;

pub(super) fn create(request: &Request<'_>) -> Answer {
    let new: NewMachine = body(request.call)?;
    let document = crate::testing::seed::document::Document {
        machines: vec![new],
        ..Default::default()
    };
    let seeded = apply::document(&mut request.shared.state(), document, request.shared.now())?;
    let machine = seeded.machines.first().map(with_secret);
    Ok(Reply::json(201, &machine.unwrap_or_default()))
}

pub(super) fn with_secret(machine: &Machine) -> Value {
    let mut shown = state::machine(machine);
    shown["secretKey"] = json!(machine.secret);
    shown
}

pub(super) fn delete(request: &Request<'_>) -> Answer {
    request.shared.state().delete_machine(request.id(0))?;
    Ok(Reply::empty(204))
}

pub(super) fn secret(request: &Request<'_>) -> Answer {
    let state = request.shared.state();
    let secret = &state.machines.get(request.id(0))?.secret;
    Ok(Reply::ok(&json!({ "secretKey": secret })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Rotation {
    #[serde(default)]
    grace_seconds: u64,
}

pub(super) fn rotate(request: &Request<'_>) -> Answer {
    let rotation: Rotation = body(request.call)?;
    if rotation.grace_seconds > LONGEST_GRACE {
        let why = format!("`graceSeconds` must be at most {LONGEST_GRACE}");
        return Err(Problem::invalid(why));
    }
    let mut state = request.shared.state();
    let now = request.shared.now();
    let secret = state
        .machines
        .rotate(request.id(0), rotation.grace_seconds, now)?;
    Ok(Reply::ok(&json!({ "secretKey": secret })))
}

/// Creating an existing scope is not an error.
pub(super) fn grant(request: &Request<'_>) -> Answer {
    let (from, to) = (request.id(0), request.id(1));
    let mut state = request.shared.state();
    if !state.machines.get(from)?.scopes.contains(to) {
        state.machines.grant(from, to, request.shared.now())?;
    }
    Ok(Reply::empty(204))
}

pub(super) fn revoke_grant(request: &Request<'_>) -> Answer {
    let (from, to) = (request.id(0), request.id(1));
    let mut state = request.shared.state();
    state
        .machines
        .revoke_grant(from, to, request.shared.now())?;
    Ok(Reply::empty(204))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct KeyChange {
    #[serde(default)]
    keep_old: bool,
    #[serde(default)]
    same_kid: bool,
}

pub(super) fn rotate_keys(request: &Request<'_>) -> Answer {
    let change: KeyChange = body(request.call)?;
    if change.keep_old && change.same_kid {
        return Err(Problem::invalid(
            "`sameKid` leaves no room for the old key; omit `keepOld`",
        ));
    }
    let kid = if change.same_kid {
        request.shared.state().keys.current().kid.clone()
    } else {
        ids::word_id("ins")
    };
    let failed = |_| Problem::new(500, "no_key", "the system cannot generate a key");
    let key = SigningKey::generate(kid.clone()).map_err(failed)?;
    request.shared.state().keys.replace(key, change.keep_old);
    Ok(Reply::ok(&json!({ "kid": kid })))
}
