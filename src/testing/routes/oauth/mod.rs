//! The authorization server: OAuth 2.1 with automatic consent, for clients such as those of MCP.

mod authorize;
mod clients;
mod metadata;
mod redirect;
mod tokens;
mod wire;

pub(in crate::testing) use clients::DEFAULT_SCOPES;
pub(in crate::testing) use redirect::is_allowed as is_redirect_uri;

use crate::testing::endpoint::Endpoint;
use crate::testing::reply::Reply;
use crate::testing::request::Call;
use crate::testing::state::State;
use wire::{OAuthError, preflight, readable_by_scripts};

/// Handles a request to the authorization server.
pub(super) fn handle(state: &mut State, call: &Call, now: u64) -> Reply {
    let reply = match call.route.endpoint {
        // A browser navigates there; scripts must not read the response.
        Endpoint::OAuthAuthorize => return authorize::authorize(state, call, now),
        Endpoint::OAuthMetadata => metadata::document(state),
        Endpoint::OAuthRegister => clients::register(state, call, now),
        Endpoint::OAuthToken => finish(tokens::issue(state, call, now)),
        Endpoint::OAuthTokenInfo => finish(tokens::info(state, call, now)),
        Endpoint::OAuthRevoke => finish(tokens::revoke(state, call, now)),
        _ => return preflight(),
    };
    readable_by_scripts(reply)
}

fn finish(answer: Result<Reply, OAuthError>) -> Reply {
    answer.unwrap_or_else(OAuthError::reply)
}
