//! `/api_keys`: create, list, read, change, revoke, delete, verify.

use serde_json::{Value, json};

use super::auth;
use super::fields::{Dialect, Expiry, Fields};
use super::query::Query;
use crate::testing::ids;
use crate::testing::refusal::Refusal;
use crate::testing::reply::Reply;
use crate::testing::request::Call;
use crate::testing::state::State;
use crate::testing::state::store::Entry;
use crate::testing::state::tokens::ApiKeyDetail;

/// Requests may have a `scim_` subject, but no response of the OpenAPI document can.
const SUBJECTS: &[&str] = &["user", "org", "mch"];

pub(super) fn create(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    admit(state, call, now)?;
    let mut fields = Fields::required(call, Dialect::Tokens)?;
    let subject = checked_subject(fields.required_text("subject")?)?;
    let detail = detail(&mut fields)?;
    let expires_at = expires_at(fields.expiry()?, now).flatten();
    fields.finish()?;
    let blocks = state.options.revoked_name_blocks;
    let key = state
        .api_keys
        .create(&subject, detail, expires_at, blocks, now)?;
    let mut body = render(&key, now);
    body["secret"] = json!(key.secret);
    Ok(Reply::json(state.options.create_api_key_status, &body))
}

fn detail(fields: &mut Fields) -> Result<ApiKeyDetail, Refusal> {
    Ok(ApiKeyDetail {
        name: checked_name(fields.required_text("name")?)?,
        key_type: checked_type(fields.text("type")?)?,
        description: checked_description(fields.nullable_text("description")?.flatten())?,
        claims: fields.any("claims").unwrap_or(Value::Null),
        scopes: fields.texts("scopes")?.unwrap_or_default(),
        created_by: checked_creator(fields.nullable_text("created_by")?.flatten())?,
    })
}

pub(super) fn list(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    admit(state, call, now)?;
    let query = Query::of(call, Dialect::Tokens);
    let subject = query.required("subject")?;
    if !ids::is_word_id(subject, &["user", "org", "mch", "scim"]) {
        return Err(Dialect::Tokens.invalid("subject", &ids::expected(SUBJECTS)));
    }
    let invalid = query.flag("include_invalid")?;
    let key_type = checked_type(query.text("type").map(str::to_owned))?;
    let wanted = query.text("query").unwrap_or_default().to_lowercase();
    let page = query.page(100)?;
    let shown = |key: &&Entry<ApiKeyDetail>| {
        (invalid || key.live(now))
            && key.detail.key_type == key_type
            && (key.detail.name.to_lowercase().contains(&wanted) || key.id == wanted)
    };
    let keys: Vec<_> = state
        .api_keys
        .store
        .of_subject(subject)
        .filter(shown)
        .collect();
    let total = keys.len();
    let data = page.of(keys.into_iter().map(|key| render(key, now)));
    Ok(Reply::ok(&json!({ "data": data, "total_count": total })))
}

pub(super) fn get(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    admit(state, call, now)?;
    Ok(Reply::ok(&render(find(state, call)?, now)))
}

pub(super) fn update(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    admit(state, call, now)?;
    let id = find(state, call)?.id.clone();
    let mut fields = Fields::required(call, Dialect::Tokens)?;
    let subject = fields.text("subject")?.map(checked_subject).transpose()?;
    let description = fields.nullable_text("description")?;
    let description = description.map(checked_description).transpose()?;
    let (claims, scopes) = (fields.any("claims"), fields.texts("scopes")?);
    let expires_at = expires_at(fields.expiry()?, now);
    fields.finish()?;
    move_key(state, &id, subject.as_deref())?;
    let key = state.api_keys.store.get_mut(&id).ok_or_else(unknown)?;
    key.detail.description = description.unwrap_or_else(|| key.detail.description.take());
    key.detail.claims = claims.unwrap_or_else(|| key.detail.claims.take());
    key.detail.scopes = scopes.unwrap_or_else(|| std::mem::take(&mut key.detail.scopes));
    key.expires_at = expires_at.unwrap_or(key.expires_at);
    key.updated_at = now;
    Ok(Reply::ok(&render(key, now)))
}

pub(super) fn get_secret(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    admit(state, call, now)?;
    Ok(Reply::ok(&json!({ "secret": find(state, call)?.secret })))
}

pub(super) fn delete(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    admit(state, call, now)?;
    let id = find(state, call)?.id.clone();
    state.api_keys.store.remove(&id);
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
    state.api_keys.store.revoke(&id, reason, now);
    Ok(Reply::ok(&render(find(state, call)?, now)))
}

pub(super) fn verify(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    admit(state, call, now)?;
    let mut fields = Fields::required(call, Dialect::Tokens)?;
    let secret = fields.required_text("secret")?;
    fields.finish()?;
    let Some(key) = state.api_keys.store.by_secret(&secret) else {
        return machine_secret(state, &secret, now).ok_or_else(unknown);
    };
    state.refuse_inactive(key, now)?;
    let id = key.id.clone();
    state.api_keys.store.touch(&id, now);
    let key = state.api_keys.store.get(&id).ok_or_else(unknown)?;
    Ok(Reply::ok(&render(key, now)))
}

/// A machine's secret as an API key of that machine, if the options enable this.
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

/// The OpenAPI document has no 409 here, so a name that the new subject already has is a bad
/// request.
fn move_key(state: &mut State, id: &str, subject: Option<&str>) -> Result<(), Refusal> {
    let Some(subject) = subject else {
        return Ok(());
    };
    let key = state.api_keys.store.get(id).ok_or_else(unknown)?;
    let blocks = state.options.revoked_name_blocks;
    if key.subject == subject {
        return Ok(());
    }
    if state.api_keys.name_taken(subject, &key.detail.name, blocks) {
        return Err(Dialect::Tokens.invalid("subject", "has a key of this name"));
    }
    state.api_keys.store.move_to(id, subject);
    Ok(())
}

/// Every call needs the instance secret, and the API keys feature.
fn admit(state: &mut State, call: &Call, now: u64) -> Result<(), Refusal> {
    auth::instance(state, call, now)?;
    if state.options.api_keys_enabled {
        Ok(())
    } else {
        Err(Refusal::api_keys_disabled())
    }
}

/// The key in the path; `api_key_…` is equivalent to `ak_…`.
fn find<'a>(state: &'a State, call: &Call) -> Result<&'a Entry<ApiKeyDetail>, Refusal> {
    let id = ids::path_id(call.id(0), "apiKeyID", &["ak", "api_key"])?;
    let digits = id.rsplit('_').next().unwrap_or_default();
    state
        .api_keys
        .store
        .get(&format!("ak_{digits}"))
        .ok_or_else(unknown)
}

fn unknown() -> Refusal {
    Refusal::not_found("API key")
}

/// The outer `None` does not change the expiry, the inner one removes it.
#[allow(clippy::option_option)]
fn expires_at(expiry: Expiry, now: u64) -> Option<Option<u64>> {
    match expiry {
        Expiry::Absent => None,
        Expiry::Null => Some(None),
        Expiry::After(millis) => Some(Some(now.saturating_add(millis))),
    }
}

fn checked_subject(subject: String) -> Result<String, Refusal> {
    let good = ids::is_word_id(&subject, SUBJECTS);
    good.then_some(subject)
        .ok_or_else(|| Dialect::Tokens.invalid("subject", &ids::expected(SUBJECTS)))
}

pub(in crate::testing) fn checked_name(name: String) -> Result<String, Refusal> {
    let good = name.chars().count() >= 3 && name.trim() == name && !name.contains('\n');
    let why = "must have 3 characters or more and no space around them";
    good.then_some(name)
        .ok_or_else(|| Dialect::Tokens.invalid("name", why))
}

fn checked_type(key_type: Option<String>) -> Result<String, Refusal> {
    let key_type = key_type.unwrap_or_else(|| "api_key".to_owned());
    let good = (3..=25).contains(&key_type.chars().count());
    good.then_some(key_type)
        .ok_or_else(|| Dialect::Tokens.invalid("type", "must have 3 to 25 characters"))
}

pub(in crate::testing) fn checked_description(
    description: Option<String>,
) -> Result<Option<String>, Refusal> {
    let good = description
        .as_ref()
        .is_none_or(|text| text.chars().count() <= 255);
    let why = "must have at most 255 characters";
    good.then_some(description)
        .ok_or_else(|| Dialect::Tokens.invalid("description", why))
}

fn checked_creator(user: Option<String>) -> Result<Option<String>, Refusal> {
    let good = user
        .as_ref()
        .is_none_or(|user| ids::is_word_id(user, &["user"]));
    good.then_some(user)
        .ok_or_else(|| Dialect::Tokens.invalid("created_by", &ids::expected(&["user"])))
}

fn render(key: &Entry<ApiKeyDetail>, now: u64) -> Value {
    json!({
        "object": "api_key",
        "id": key.id,
        "type": key.detail.key_type,
        "subject": key.subject,
        "name": key.detail.name,
        "description": key.detail.description,
        "claims": key.detail.claims,
        "scopes": key.detail.scopes,
        "revoked": key.revoked,
        "revocation_reason": key.revocation_reason,
        "expired": key.expired(now),
        "expiration": key.expires_at,
        "created_by": key.detail.created_by,
        "last_used_at": key.last_used_at,
        "created_at": key.created_at,
        "updated_at": key.updated_at,
    })
}
