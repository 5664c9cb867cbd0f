//! The reason for a rejection, if Clerk's response does not contain it.

use serde_json::Value;

use super::auth::describe;
use crate::testing::endpoint::Endpoint;
use crate::testing::inspect::{Reason, inspect};
use crate::testing::record::Credential;
use crate::testing::reply::Reply;
use crate::testing::request::Call;
use crate::testing::shared::Shared;
use crate::testing::state::State;

/// Clerk's response is the same for a revoked, an expired and an unknown token; this distinguishes
/// them.
pub(in crate::testing) fn explain(shared: &Shared, call: &Call, reply: &Reply) -> Option<String> {
    let state = shared.state();
    if reply.status == 401 {
        return Some(secret(&state, call, shared.now()).to_owned());
    }
    let members: &[&str] = match call.route.endpoint {
        Endpoint::VerifyM2mToken => &["token", "secret"],
        Endpoint::VerifyApiKey => &["secret"],
        Endpoint::VerifyOAuthToken => &["access_token", "secret"],
        _ => return None,
    };
    if reply.status < 400 && reply.body.as_ref() != br#"{"active":false}"# {
        return None;
    }
    let body: Value = serde_json::from_slice(&call.body).ok()?;
    let token = members.iter().find_map(|name| body.get(name)?.as_str())?;
    let receiver = match describe(&state, call, shared.now()) {
        Credential::MachineSecret { machine_id, .. } => Some(machine_id),
        _ => None,
    };
    let report = inspect(&state, token, receiver.as_deref(), shared.now());
    let reasons: Vec<_> = report
        .reasons
        .iter()
        .map(|Reason { message, .. }| message.as_str())
        .collect();
    Some(reasons.join("; ")).filter(|reasons| !reasons.is_empty())
}

fn secret(state: &State, call: &Call, now: u64) -> &'static str {
    match describe(state, call, now) {
        Credential::None => "there is no `Authorization: Bearer …` with a secret",
        Credential::InstanceSecret => "a secret of the instance, where that of a machine is needed",
        Credential::MachineSecret { .. } => {
            "a machine's secret, where one of the instance is needed"
        }
        Credential::Unknown => "the secret is not one of this emulator's, or was rotated away",
    }
}
