//! `GET state`: the complete state, without secrets; checkpoint and reset.

use serde_json::{Map, Value, json};

use super::problem::Answer;
use super::request::{Query, Request};
use super::{clock, faults};
use crate::testing::endpoint::Endpoint;
use crate::testing::reply::Reply;
use crate::testing::shared::Shared;
use crate::testing::state::State;
use crate::testing::state::authorization::{Client, Session};
use crate::testing::state::machines::Machine;
use crate::testing::state::store::Entry;
use crate::testing::state::tokens::{ApiKeyDetail, M2mDetail, OAuthDetail};

/// How many of the newest tokens of each type are shown by default.
const USUAL_LIMIT: u64 = 200;

pub(super) fn get(request: &Request<'_>) -> Answer {
    let limit = Query::of(request.call)
        .whole("limit")?
        .unwrap_or(USUAL_LIMIT);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(Reply::ok(&show(request.shared, limit)))
}

pub(super) fn reset(request: &Request<'_>) -> Answer {
    super::request::body::<Nothing>(request.call)?;
    request.shared.reset();
    Ok(Reply::empty(204))
}

pub(super) fn checkpoint(request: &Request<'_>) -> Answer {
    super::request::body::<Nothing>(request.call)?;
    request.shared.checkpoint();
    Ok(Reply::empty(204))
}

/// The body of an operation without parameters: `{}`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

fn show(shared: &Shared, limit: usize) -> Value {
    let now = shared.now();
    let state = shared.state();
    let m2m = state.m2m.store.all();
    let keys = state.api_keys.store.all();
    let oauth = state.oauth.store.all();
    json!({
        "instance": {
            "id": state.instance.id,
            "apiUrl": shared.identity.api_url,
            "issuer": state.instance.issuer,
        },
        "clock": clock::show(shared),
        "keys": signing_keys(&state),
        "signedInAs": state.authorization.user,
        "machines": machines(&state),
        "totals": { "m2mTokens": m2m.len(), "apiKeys": keys.len(), "oauthTokens": oauth.len() },
        "m2mTokens": m2m.iter().take(limit).map(|token| m2m_token(token, now)).collect::<Value>(),
        "apiKeys": keys.iter().take(limit).map(|key| api_key(key, now)).collect::<Value>(),
        "oauthTokens": oauth.iter().take(limit).map(|token| oauth_token(token, now)).collect::<Value>(),
        "oauthClients": clients(&state),
        "oauthSessions": state.authorization.sessions().map(session).collect::<Value>(),
        "faults": faults::show(shared),
        "calls": calls(shared),
    })
}

fn signing_keys(state: &State) -> Value {
    let current = state.keys.current();
    let shown = state.keys.listed().map(|key| {
        let is_current = std::sync::Arc::ptr_eq(key, &current);
        json!({ "kid": key.kid, "current": is_current })
    });
    shown.collect()
}

fn machines(state: &State) -> Value {
    let mut machines: Vec<_> = state.machines.all().collect();
    machines.sort_by_key(|machine| machine.sequence);
    machines.into_iter().map(machine).collect()
}

pub(super) fn machine(machine: &Machine) -> Value {
    json!({
        "id": machine.id,
        "name": machine.name,
        "scopedTo": machine.scopes,
        "defaultTokenTtl": machine.default_token_ttl,
        "createdAt": machine.created_at,
    })
}

/// The common members of credentials.
fn credential<T>(entry: &Entry<T>, now: u64) -> Value {
    let status = match (entry.revoked, entry.expired(now)) {
        (true, _) => "revoked",
        (_, true) => "expired",
        _ => "active",
    };
    json!({
        "id": entry.id,
        "subject": entry.subject,
        "status": status,
        "revocationReason": entry.revocation_reason,
        "createdAt": entry.created_at,
        "expiresAt": entry.expires_at,
        "lastUsedAt": entry.last_used_at,
    })
}

fn m2m_token(entry: &Entry<M2mDetail>, now: u64) -> Value {
    let mut shown = credential(entry, now);
    shown["scopedTo"] = json!(entry.detail.scopes);
    shown["claims"] = entry.detail.claims.clone();
    shown
}

fn api_key(entry: &Entry<ApiKeyDetail>, now: u64) -> Value {
    let mut shown = credential(entry, now);
    shown["name"] = json!(entry.detail.name);
    shown["scopes"] = json!(entry.detail.scopes);
    shown
}

fn oauth_token(entry: &Entry<OAuthDetail>, now: u64) -> Value {
    let mut shown = credential(entry, now);
    shown["clientId"] = json!(entry.detail.client_id);
    shown["scopes"] = json!(entry.detail.scopes);
    shown["format"] = json!(if entry.detail.jwt { "jwt" } else { "opaque" });
    shown
}

fn clients(state: &State) -> Value {
    let mut clients: Vec<_> = state.authorization.clients().collect();
    clients.sort_by(|a, b| a.id.cmp(&b.id));
    clients.into_iter().map(client).collect()
}

pub(super) fn client(client: &Client) -> Value {
    json!({
        "id": client.id,
        "redirectUris": client.redirect_uris,
        "confidential": client.secret.is_some(),
    })
}

fn session(session: &Session) -> Value {
    json!({
        "id": session.id,
        "userId": session.user,
        "clientId": session.client_id,
        "scopes": session.scopes,
        "resources": session.resources,
        "tokenIds": session.token_ids,
        "revoked": session.revoked,
    })
}

fn calls(shared: &Shared) -> Map<String, Value> {
    let counted = Endpoint::all().into_iter();
    let counted = counted.map(|endpoint| (endpoint.name(), shared.log.calls(endpoint)));
    let called = counted.filter(|(_, calls)| *calls > 0);
    called.map(|(name, calls)| (name, json!(calls))).collect()
}
