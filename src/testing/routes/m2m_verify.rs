//! `POST /m2m_tokens/verify`: a machine secret only verifies tokens that may reach its machine.

use serde_json::Value;

use super::auth::{self, Caller};
use super::fields::{Dialect, Fields};
use super::m2m_tokens;
use crate::testing::ids;
use crate::testing::jwt;
use crate::testing::options::{InactiveToken, JwtAtVerify, Unscoped};
use crate::testing::refusal::Refusal;
use crate::testing::reply::Reply;
use crate::testing::request::Call;
use crate::testing::state::State;

pub(super) fn verify(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    let caller = auth::either(state, call, now)?;
    let token = token(state, call)?;
    if jwt::is_jwt(&token) {
        return verify_jwt(state, &token, &caller, now);
    }
    let entry = state.m2m.store.by_secret(&token).ok_or_else(unknown)?;
    state.refuse_inactive(entry, now)?;
    enforce_scope(state, &caller, &entry.detail.scopes)?;
    let id = entry.id.clone();
    state.m2m.store.touch(&id, now);
    let entry = state.m2m.store.get(&id).ok_or_else(unknown)?;
    Ok(Reply::ok(&m2m_tokens::render(entry, now)))
}

/// The member `token`, or the name that some official clients use.
fn token(state: &State, call: &Call) -> Result<String, Refusal> {
    let mut fields = Fields::required(call, Dialect::Tokens)?;
    let mut token = fields.text("token")?;
    if token.is_none() && state.options.secret_for_token {
        token = fields.text("secret")?;
    }
    fields.finish()?;
    token.ok_or_else(|| Dialect::Tokens.missing("token"))
}

fn verify_jwt(state: &State, token: &str, caller: &Caller, now: u64) -> Result<Reply, Refusal> {
    if state.options.jwt_at_verify == JwtAtVerify::Refused {
        return Err(unknown());
    }
    let read = jwt::read_m2m(state, token).ok_or_else(unknown)?;
    if !ids::is_hex_id(&read.id, &["mt"]) || !ids::is_word_id(&read.subject, &["mch"]) {
        return Err(unknown());
    }
    let claims = if read.claims.is_empty() {
        Value::Null
    } else {
        Value::Object(read.claims)
    };
    let entry = m2m_tokens::unstored(
        state,
        &read.id,
        &read.subject,
        claims,
        read.expires_at,
        read.issued_at,
    );
    if entry.expired(now) && state.options.expired == InactiveToken::NotFound {
        return Err(unknown());
    }
    if state.options.jwt_at_verify == JwtAtVerify::AsOpaque {
        enforce_scope(state, caller, &entry.detail.scopes)?;
    }
    Ok(Reply::ok(&m2m_tokens::render(&entry, now)))
}

fn enforce_scope(state: &State, caller: &Caller, scopes: &[String]) -> Result<(), Refusal> {
    match caller {
        Caller::Machine(id) if !scopes.contains(id) => Err(match state.options.unscoped {
            Unscoped::NotFound => unknown(),
            Unscoped::Forbidden => {
                Refusal::forbidden("The token is not granted access to this machine")
            }
        }),
        _ => Ok(()),
    }
}

fn unknown() -> Refusal {
    Refusal::not_found("M2M token")
}
