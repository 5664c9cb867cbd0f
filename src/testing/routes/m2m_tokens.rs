//! `/m2m_tokens`: create, list, revoke.

use serde_json::{Value, json};

use super::auth::{self, Caller};
use super::fields::{Dialect, Expiry, Fields};
use super::query::Query;
use crate::testing::ids;
use crate::testing::jwt;
use crate::testing::options::NullExpiry;
use crate::testing::refusal::Refusal;
use crate::testing::reply::Reply;
use crate::testing::request::Call;
use crate::testing::state::State;
use crate::testing::state::machines::Machine;
use crate::testing::state::store::Entry;
use crate::testing::state::tokens::M2mDetail;

/// The body of a creation.
struct Wish {
    jwt: bool,
    expiry: Expiry,
    claims: Value,
    min_remaining: Option<u64>,
}

pub(super) fn create(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    let caller = auth::machine(state, call, now)?;
    let wish = wish(call)?;
    let machine = state.machines.get(&caller)?.clone();
    let expires_at = expires_at(state, &machine, wish.expiry, now);
    if wish.jwt {
        signed(state, &machine, wish, expires_at, now)
    } else {
        stored(state, &machine, wish, expires_at, now)
    }
}

fn wish(call: &Call) -> Result<Wish, Refusal> {
    let mut fields = Fields::of(call, Dialect::Tokens)?;
    let jwt = match fields.text("token_format")?.as_deref() {
        None | Some("opaque") => false,
        Some("jwt") => true,
        Some(_) => return Err(Dialect::Tokens.invalid("token_format", "must be opaque or jwt")),
    };
    let wish = Wish {
        jwt,
        expiry: fields.expiry()?,
        claims: fields.any("claims").unwrap_or(Value::Null),
        min_remaining: fields.whole("min_remaining_ttl_seconds", 0, u64::MAX)?,
    };
    fields.finish()?;
    Ok(wish)
}

fn expires_at(state: &State, machine: &Machine, expiry: Expiry, now: u64) -> Option<u64> {
    let default = now.saturating_add(machine.default_token_ttl.saturating_mul(1000));
    match expiry {
        Expiry::After(millis) => Some(now.saturating_add(millis)),
        Expiry::Null if state.options.null_expiry == NullExpiry::Never => None,
        Expiry::Null | Expiry::Absent => Some(default),
    }
}

fn stored(
    state: &mut State,
    machine: &Machine,
    wish: Wish,
    expires_at: Option<u64>,
    now: u64,
) -> Result<Reply, Refusal> {
    let scopes = machine.scopes.iter().cloned().collect();
    let detail = M2mDetail {
        claims: wish.claims,
        scopes,
    };
    let found = match wish.min_remaining {
        Some(seconds) => {
            let millis = seconds.saturating_mul(1000);
            if expires_at.is_some_and(|at| at.saturating_sub(now) <= millis) {
                let why = "must be less than the lifetime of the token";
                return Err(Dialect::Tokens.invalid("min_remaining_ttl_seconds", why));
            }
            state.m2m.reusable(&machine.id, &detail, millis, now)
        }
        None => None,
    };
    let entry = found.unwrap_or_else(|| state.m2m.create(&machine.id, detail, expires_at, now));
    Ok(Reply::json(
        201,
        &with_token(render(&entry, now), &entry.secret),
    ))
}

fn signed(
    state: &State,
    machine: &Machine,
    wish: Wish,
    expires_at: Option<u64>,
    now: u64,
) -> Result<Reply, Refusal> {
    let claims = match wish.claims {
        Value::Null => serde_json::Map::new(),
        Value::Object(claims) => claims,
        _ => return Err(Dialect::Tokens.invalid("claims", "must be an object in a JWT")),
    };
    let reserved = &state.options.reserved_claims;
    if let Some(name) = claims.keys().find(|name| reserved.contains(name)) {
        return Err(Refusal::reserved_claim(name));
    }
    let parts = jwt::m2m(state, &machine.id, expires_at, claims.clone(), now);
    let token = state
        .keys
        .current()
        .sign(&parts.header.to_string(), &parts.claims.to_string());
    let claims = if claims.is_empty() {
        Value::Null
    } else {
        Value::Object(claims)
    };
    let entry = unstored(state, &parts.id, &machine.id, claims, parts.expires_at, now);
    Ok(Reply::json(201, &with_token(render(&entry, now), &token)))
}

/// A JWT as a stored token; it reaches the machines that its sender reaches.
pub(super) fn unstored(
    state: &State,
    id: &str,
    machine: &str,
    claims: Value,
    expires_at: u64,
    issued_at: u64,
) -> Entry<M2mDetail> {
    let scopes = state
        .machines
        .get(machine)
        .map(|machine| machine.scopes.iter().cloned().collect());
    let detail = M2mDetail {
        claims,
        scopes: scopes.unwrap_or_default(),
    };
    let mut entry = Entry::new(id.to_owned(), String::new(), machine, detail);
    entry.created_at = issued_at;
    entry.updated_at = issued_at;
    entry.expires_at = Some(expires_at);
    entry
}

pub(super) fn list(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    let caller = auth::either(state, call, now)?;
    let query = Query::of(call, Dialect::Tokens);
    let subject = query.required("subject")?;
    if !ids::is_word_id(subject, &["mch"]) {
        return Err(Dialect::Tokens.invalid("subject", &ids::expected(&["mch"])));
    }
    let (revoked, expired) = (
        query.nullable_flag("revoked")?,
        query.nullable_flag("expired")?,
    );
    let page = query.page(100)?;
    match caller {
        Caller::Machine(id) if id != subject => {
            return Err(Refusal::forbidden("A machine can list its own tokens only"));
        }
        _ => state.machines.get(subject)?,
    };
    let shown =
        |token: &&Entry<M2mDetail>| (revoked || !token.revoked) && (expired || !token.expired(now));
    let tokens: Vec<_> = state.m2m.store.of_subject(subject).filter(shown).collect();
    let total = tokens.len();
    let data = page.of(tokens.into_iter().map(|token| render(token, now)));
    Ok(Reply::ok(
        &json!({ "m2m_tokens": data, "total_count": total }),
    ))
}

pub(super) fn revoke(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    let caller = auth::either(state, call, now)?;
    let id = ids::path_id(call.id(0), "m2m_token_id", &["mt"])?;
    let mut fields = Fields::required(call, Dialect::Tokens)?;
    let reason = fields.nullable_text("revocation_reason")?.flatten();
    fields.finish()?;
    let owned = |token: &&Entry<M2mDetail>| match &caller {
        Caller::Instance => true,
        Caller::Machine(machine) => token.subject == *machine,
    };
    if state.m2m.store.get(id).filter(owned).is_none() {
        return Err(Refusal::not_found("M2M token"));
    }
    state.m2m.store.revoke(id, reason, now);
    let token = state
        .m2m
        .store
        .get(id)
        .ok_or_else(|| Refusal::not_found("M2M token"))?;
    Ok(Reply::ok(&render(token, now)))
}

pub(super) fn render(token: &Entry<M2mDetail>, now: u64) -> Value {
    json!({
        "object": "machine_to_machine_token",
        "id": token.id,
        "subject": token.subject,
        "claims": token.detail.claims,
        "scopes": token.detail.scopes,
        "revoked": token.revoked,
        "revocation_reason": token.revocation_reason,
        "expired": token.expired(now),
        "expiration": token.expires_at,
        "last_used_at": token.last_used_at,
        "created_at": token.created_at,
        "updated_at": token.updated_at,
    })
}

fn with_token(mut body: Value, token: &str) -> Value {
    body["token"] = json!(token);
    body
}
