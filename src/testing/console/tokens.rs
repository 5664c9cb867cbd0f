//! Tokens and keys: creation, revocation, expiry and removal; clients and user of the authorization
//! server.

use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{Answer, Problem};
use super::request::{Request, body};
use super::state::{self, Nothing};
use crate::testing::refusal::Refusal;
use crate::testing::reply::Reply;
use crate::testing::seed::apply::{self, Made};
use crate::testing::state::State;
use crate::testing::state::authorization::Client;

pub(super) fn create_m2m(request: &Request<'_>) -> Answer {
    make(request, apply::m2m_token)
}

pub(super) fn create_api_key(request: &Request<'_>) -> Answer {
    make(request, apply::api_key)
}

pub(super) fn create_oauth(request: &Request<'_>) -> Answer {
    make(request, apply::oauth_token)
}

fn make<T: serde::de::DeserializeOwned>(
    request: &Request<'_>,
    create: fn(&mut State, T, u64) -> Result<Made, Refusal>,
) -> Answer {
    let new = body(request.call)?;
    let mut state = request.shared.state();
    let made = create(&mut state, new, request.shared.now())?;
    Ok(Reply::json(201, &show(&made)))
}

pub(super) fn show(made: &Made) -> Value {
    json!({
        "id": made.id,
        "token": made.token,
        "subject": made.subject,
        "expiresAt": made.expires_at,
    })
}

pub(super) fn create_client(request: &Request<'_>) -> Answer {
    let new = body(request.call)?;
    let client = apply::oauth_client(&mut request.shared.state(), new)?;
    Ok(Reply::json(201, &with_secret(&client)))
}

pub(super) fn with_secret(client: &Client) -> Value {
    let mut shown = state::client(client);
    shown["clientSecret"] = json!(client.secret);
    shown
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revocation {
    #[serde(default)]
    reason: Option<String>,
}

pub(super) fn revoke(request: &Request<'_>) -> Answer {
    let revocation: Revocation = body(request.call)?;
    let mut state = request.shared.state();
    let now = request.shared.now();
    found(state.revoke(request.id(0), revocation.reason, now))
}

pub(super) fn expire(request: &Request<'_>) -> Answer {
    body::<Nothing>(request.call)?;
    let mut state = request.shared.state();
    found(state.expire(request.id(0), request.shared.now()))
}

pub(super) fn delete(request: &Request<'_>) -> Answer {
    found(request.shared.state().remove(request.id(0)))
}

fn found(done: bool) -> Answer {
    if done {
        Ok(Reply::empty(204))
    } else {
        Err(Problem::not_found("token, key or session"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SignIn {
    user_id: String,
}

pub(super) fn sign_in(request: &Request<'_>) -> Answer {
    let SignIn { user_id } = body(request.call)?;
    let user = apply::checked_id("userId", user_id, &["user"])?;
    request.shared.state().authorization.user = user;
    Ok(Reply::empty(204))
}
