//! The caller: the instance, or one of its machines.

use crate::testing::record::Credential;
use crate::testing::refusal::Refusal;
use crate::testing::request::Call;
use crate::testing::state::State;

/// The owner of the secret of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Caller {
    /// The instance.
    Instance,
    /// The machine with this id.
    Machine(String),
}

/// Accepts an instance secret only.
pub(super) fn instance(state: &mut State, call: &Call, now: u64) -> Result<(), Refusal> {
    instance_unlimited(state, call)?;
    count(state, now)
}

/// Accepts an instance secret, and does not count the call against the rate limit.
pub(super) fn instance_unlimited(state: &State, call: &Call) -> Result<(), Refusal> {
    let known = state.instance.has_secret(call.bearer()?);
    if known {
        Ok(())
    } else {
        Err(Refusal::secret_key_invalid())
    }
}

/// Accepts a machine secret only.
pub(super) fn machine(state: &mut State, call: &Call, now: u64) -> Result<String, Refusal> {
    let found = state.machines.by_secret(call.bearer()?, now);
    let id = found.map(|(machine, _)| machine.id.clone());
    let id = id.ok_or_else(Refusal::machine_secret_invalid)?;
    count(state, now)?;
    Ok(id)
}

/// Accepts either.
pub(super) fn either(state: &mut State, call: &Call, now: u64) -> Result<Caller, Refusal> {
    if call.bearer()?.starts_with("ak_") {
        return machine(state, call, now).map(Caller::Machine);
    }
    instance(state, call, now).map(|()| Caller::Instance)
}

fn count(state: &mut State, now: u64) -> Result<(), Refusal> {
    match state.options.rate_limit {
        Some(limit) => state.instance.admit(limit, now),
        None => Ok(()),
    }
}

/// Names the credential of a call for the log, without the secret.
pub(in crate::testing) fn describe(state: &State, call: &Call, now: u64) -> Credential {
    let Ok(secret) = call.bearer() else {
        return Credential::None;
    };
    if state.instance.has_secret(secret) {
        return Credential::InstanceSecret;
    }
    match state.machines.by_secret(secret, now) {
        Some((machine, current)) => Credential::MachineSecret {
            machine_id: machine.id.clone(),
            current,
        },
        None => Credential::Unknown,
    }
}
