//! The operations of the emulated API.

mod api_keys;
mod auth;
mod explain;
mod fields;
mod jwks;
mod m2m_tokens;
mod m2m_verify;
mod machines;
mod oauth;
mod oauth_tokens;
mod query;

use http::header;

pub(super) use api_keys::{checked_description, checked_name as checked_key_name};
pub(super) use auth::describe;
pub(super) use explain::explain;
pub(super) use machines::checked_name as checked_machine_name;
pub(super) use oauth::{DEFAULT_SCOPES, is_redirect_uri};

use crate::testing::endpoint::Endpoint;
use crate::testing::refusal::Refusal;
use crate::testing::reply::Reply;
use crate::testing::request::Call;
use crate::testing::shared::Shared;
use crate::testing::state::State;

/// The versions that Clerk has published. The machine-auth calls are the same in all of them.
const VERSIONS: &[&str] = &[
    "2021-02-05",
    "2024-10-01",
    "2025-03-12",
    "2025-04-10",
    "2025-11-10",
    "2026-05-12",
];

/// Performs the operation.
pub(in crate::testing) fn handle(shared: &Shared, call: &Call) -> Reply {
    let now = shared.now();
    let mut state = shared.state();
    let done = check(call).and_then(|()| dispatch(&mut state, call, now));
    done.unwrap_or_else(|refusal| {
        let reply = Reply::refusal(&refusal);
        if refusal.status != 405 {
            return reply;
        }
        reply.with(header::ALLOW, &call.route.allow.join(", "))
    })
}

fn check(call: &Call) -> Result<(), Refusal> {
    if call.too_large {
        return Err(Refusal::too_large());
    }
    match call.header("clerk-api-version") {
        Some(version) if !VERSIONS.contains(&version) => Err(Refusal::api_version_invalid(version)),
        _ => Ok(()),
    }
}

fn dispatch(state: &mut State, call: &Call, now: u64) -> Result<Reply, Refusal> {
    match call.route.endpoint {
        Endpoint::GetJwks => jwks::private(state, call, now),
        Endpoint::PublicJwks => Ok(jwks::public(state, call)),
        Endpoint::ListMachines => machines::list(state, call, now),
        Endpoint::CreateMachine => machines::create(state, call, now),
        Endpoint::GetMachine => machines::get(state, call, now),
        Endpoint::UpdateMachine => machines::update(state, call, now),
        Endpoint::DeleteMachine => machines::delete(state, call, now),
        Endpoint::GetMachineSecret => machines::get_secret(state, call, now),
        Endpoint::RotateMachineSecret => machines::rotate_secret(state, call, now),
        Endpoint::CreateScope => machines::create_scope(state, call, now),
        Endpoint::DeleteScope => machines::delete_scope(state, call, now),
        Endpoint::CreateM2mToken => m2m_tokens::create(state, call, now),
        Endpoint::ListM2mTokens => m2m_tokens::list(state, call, now),
        Endpoint::RevokeM2mToken => m2m_tokens::revoke(state, call, now),
        Endpoint::VerifyM2mToken => m2m_verify::verify(state, call, now),
        Endpoint::CreateApiKey => api_keys::create(state, call, now),
        Endpoint::ListApiKeys => api_keys::list(state, call, now),
        Endpoint::GetApiKey => api_keys::get(state, call, now),
        Endpoint::UpdateApiKey => api_keys::update(state, call, now),
        Endpoint::DeleteApiKey => api_keys::delete(state, call, now),
        Endpoint::GetApiKeySecret => api_keys::get_secret(state, call, now),
        Endpoint::RevokeApiKey => api_keys::revoke(state, call, now),
        Endpoint::VerifyApiKey => api_keys::verify(state, call, now),
        Endpoint::VerifyOAuthToken => oauth_tokens::verify(state, call, now),
        Endpoint::OAuthMetadata
        | Endpoint::OAuthAuthorize
        | Endpoint::OAuthRegister
        | Endpoint::OAuthToken
        | Endpoint::OAuthTokenInfo
        | Endpoint::OAuthRevoke
        | Endpoint::CorsPreflight => Ok(oauth::handle(state, call, now)),
        Endpoint::Any | Endpoint::Unknown if call.route.allow.is_empty() => {
            Err(Refusal::not_found("Path"))
        }
        Endpoint::Any | Endpoint::Unknown => Err(Refusal::method_not_allowed()),
    }
}
