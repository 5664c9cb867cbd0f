//! `POST /oauth_applications/access_tokens/verify`.

use serde_json::{Value, json};

use super::auth;
use super::fields::{Dialect, Fields};
use crate::testing::refusal::Refusal;
use crate::testing::reply::Reply;
use crate::testing::request::Call;
use crate::testing::state::State;
use crate::testing::state::store::Entry;
use crate::testing::state::tokens::OAuthDetail;

pub(super) fn verify(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    auth::instance(state, call, now)?;
    let token = token(call)?;
    let unknown = || Refusal::not_found("OAuth access token");
    let entry = state.oauth.store.by_secret(&token).ok_or_else(unknown)?;
    if entry.detail.jwt && !entry.revoked && entry.expired(now) {
        return Ok(Reply::ok(&json!({ "active": false })));
    }
    state.refuse_inactive(entry, now)?;
    Ok(Reply::ok(&render(
        entry,
        state.options.oauth_times_in_seconds,
        now,
    )))
}

/// The member `access_token`, or its deprecated name; other members are ignored.
fn token(call: &Call) -> Result<String, Refusal> {
    let mut fields = Fields::required(call, Dialect::Tokens)?;
    let token = fields.text("access_token")?;
    let token = token.or(fields.text("secret")?);
    token.ok_or_else(|| Dialect::Tokens.missing("access_token"))
}

fn render(token: &Entry<OAuthDetail>, seconds: bool, now: u64) -> Value {
    let time = |millis: u64| if seconds { millis / 1000 } else { millis };
    let mut body = json!({
        "object": "clerk_idp_oauth_access_token",
        "id": token.id,
        "client_id": token.detail.client_id,
        "subject": token.subject,
        "scopes": token.detail.scopes,
        "revoked": token.revoked,
        "revocation_reason": token.revocation_reason,
        "expired": token.expired(now),
        "expiration": token.expires_at.map(time),
        "created_at": time(token.created_at),
        "updated_at": time(token.updated_at),
    });
    // Newer than the OpenAPI document of the Backend API, so they are only present if they are set.
    for (name, value) in [
        ("aud", &token.detail.audience),
        ("act", &token.detail.actor),
    ] {
        if !value.is_null() {
            body[name] = value.clone();
        }
    }
    body
}
