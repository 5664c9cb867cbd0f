//! The metadata of the authorization server (RFC 8414), also at OpenID Connect's path.

use http::header;
use serde_json::json;

use crate::testing::options::CLERK_SCOPES;
use crate::testing::reply::Reply;
use crate::testing::state::State;

pub(super) fn document(state: &State) -> Reply {
    let issuer = &state.instance.issuer;
    let scopes: Vec<_> = CLERK_SCOPES
        .into_iter()
        .chain(state.options.oauth_custom_scopes.iter().map(String::as_str))
        .collect();
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth/authorize"),
        "token_endpoint": format!("{issuer}/oauth/token"),
        "revocation_endpoint": format!("{issuer}/oauth/token/revoke"),
        "introspection_endpoint": format!("{issuer}/oauth/token_info"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported":
            ["client_secret_basic", "none", "client_secret_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": false,
    });
    if state.options.oauth_registration {
        document["registration_endpoint"] = json!(format!("{issuer}/oauth/register"));
    }
    Reply::ok(&document).with(header::CACHE_CONTROL, "public, max-age=300")
}
