//! The operations of the emulated API and their paths.

/// An operation of Clerk's API, for planning faults and counting calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// Every request.
    Any,
    /// `GET /jwks`: the key set, with the instance secret.
    GetJwks,
    /// `GET /.well-known/jwks.json`: the public key set.
    PublicJwks,
    /// `GET /machines`.
    ListMachines,
    /// `POST /machines`.
    CreateMachine,
    /// `GET /machines/{id}`.
    GetMachine,
    /// `PATCH /machines/{id}`.
    UpdateMachine,
    /// `DELETE /machines/{id}`.
    DeleteMachine,
    /// `GET /machines/{id}/secret_key`.
    GetMachineSecret,
    /// `POST /machines/{id}/secret_key/rotate`.
    RotateMachineSecret,
    /// `POST /machines/{id}/scopes`.
    CreateScope,
    /// `DELETE /machines/{id}/scopes/{other}`.
    DeleteScope,
    /// `POST /m2m_tokens`.
    CreateM2mToken,
    /// `GET /m2m_tokens`.
    ListM2mTokens,
    /// `POST /m2m_tokens/{id}/revoke`.
    RevokeM2mToken,
    /// `POST /m2m_tokens/verify`.
    VerifyM2mToken,
    /// `POST /api_keys`.
    CreateApiKey,
    /// `GET /api_keys`.
    ListApiKeys,
    /// `GET /api_keys/{id}`.
    GetApiKey,
    /// `PATCH /api_keys/{id}`.
    UpdateApiKey,
    /// `DELETE /api_keys/{id}`.
    DeleteApiKey,
    /// `GET /api_keys/{id}/secret`.
    GetApiKeySecret,
    /// `POST /api_keys/{id}/revoke`.
    RevokeApiKey,
    /// `POST /api_keys/verify`.
    VerifyApiKey,
    /// `POST /oauth_applications/access_tokens/verify`.
    VerifyOAuthToken,
    /// `GET /.well-known/oauth-authorization-server`, and OpenID Connect's path for the same.
    OAuthMetadata,
    /// `GET /oauth/authorize`, or `POST`.
    OAuthAuthorize,
    /// `POST /oauth/register`.
    OAuthRegister,
    /// `POST /oauth/token`.
    OAuthToken,
    /// `POST /oauth/token_info`.
    OAuthTokenInfo,
    /// `POST /oauth/token/revoke`.
    OAuthRevoke,
    /// `OPTIONS` on a path that scripts in browsers may call.
    CorsPreflight,
    /// A path, or a method of a path, that Clerk does not have.
    Unknown,
}

/// Method and path of each operation; `{}` stands for one segment. Fixed segments come before
/// variable ones, so that `verify` is not mistaken for an id.
const ROUTES: &[(Endpoint, &str, &str)] = &[
    (Endpoint::GetJwks, "GET", "jwks"),
    (Endpoint::PublicJwks, "GET", ".well-known/jwks.json"),
    (Endpoint::VerifyM2mToken, "POST", "m2m_tokens/verify"),
    (Endpoint::VerifyApiKey, "POST", "api_keys/verify"),
    (
        Endpoint::VerifyOAuthToken,
        "POST",
        "oauth_applications/access_tokens/verify",
    ),
    (Endpoint::ListMachines, "GET", "machines"),
    (Endpoint::CreateMachine, "POST", "machines"),
    (Endpoint::GetMachine, "GET", "machines/{}"),
    (Endpoint::UpdateMachine, "PATCH", "machines/{}"),
    (Endpoint::DeleteMachine, "DELETE", "machines/{}"),
    (Endpoint::GetMachineSecret, "GET", "machines/{}/secret_key"),
    (
        Endpoint::RotateMachineSecret,
        "POST",
        "machines/{}/secret_key/rotate",
    ),
    (Endpoint::CreateScope, "POST", "machines/{}/scopes"),
    (Endpoint::DeleteScope, "DELETE", "machines/{}/scopes/{}"),
    (Endpoint::CreateM2mToken, "POST", "m2m_tokens"),
    (Endpoint::ListM2mTokens, "GET", "m2m_tokens"),
    (Endpoint::RevokeM2mToken, "POST", "m2m_tokens/{}/revoke"),
    (Endpoint::CreateApiKey, "POST", "api_keys"),
    (Endpoint::ListApiKeys, "GET", "api_keys"),
    (Endpoint::GetApiKey, "GET", "api_keys/{}"),
    (Endpoint::UpdateApiKey, "PATCH", "api_keys/{}"),
    (Endpoint::DeleteApiKey, "DELETE", "api_keys/{}"),
    (Endpoint::GetApiKeySecret, "GET", "api_keys/{}/secret"),
    (Endpoint::RevokeApiKey, "POST", "api_keys/{}/revoke"),
    (
        Endpoint::OAuthMetadata,
        "GET",
        ".well-known/oauth-authorization-server",
    ),
    (
        Endpoint::OAuthMetadata,
        "GET",
        ".well-known/openid-configuration",
    ),
    (Endpoint::OAuthAuthorize, "GET", "oauth/authorize"),
    (Endpoint::OAuthAuthorize, "POST", "oauth/authorize"),
    (Endpoint::OAuthRegister, "POST", "oauth/register"),
    (Endpoint::OAuthToken, "POST", "oauth/token"),
    (Endpoint::OAuthTokenInfo, "POST", "oauth/token_info"),
    (Endpoint::OAuthRevoke, "POST", "oauth/token/revoke"),
];

impl Endpoint {
    /// Every endpoint, in the order of [`ROUTES`] without repetitions.
    pub(super) fn all() -> Vec<Self> {
        let mut all = vec![Self::Any];
        let routed = ROUTES.iter().map(|(endpoint, _, _)| *endpoint);
        for endpoint in routed.chain([Self::CorsPreflight, Self::Unknown]) {
            if !all.contains(&endpoint) {
                all.push(endpoint);
            }
        }
        all
    }

    /// The endpoints with the first method and path of each.
    pub(super) fn routed() -> impl Iterator<Item = (Self, &'static str, &'static str)> {
        Self::all().into_iter().filter_map(|endpoint| {
            let mut routes = ROUTES.iter();
            routes.find(|(routed, ..)| *routed == endpoint).copied()
        })
    }

    /// Its name, as in `VerifyM2mToken`.
    pub(super) fn name(self) -> String {
        format!("{self:?}")
    }

    /// Returns `true` if scripts of other origins may call it.
    fn is_for_scripts(self) -> bool {
        matches!(
            self,
            Self::OAuthMetadata
                | Self::OAuthRegister
                | Self::OAuthToken
                | Self::OAuthTokenInfo
                | Self::OAuthRevoke
        )
    }
}

/// The operation of a method and a path.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) endpoint: Endpoint,
    /// The variable segments, in order.
    pub(super) ids: Vec<String>,
    /// The methods that the path does have, if it has no such method.
    pub(super) allow: Vec<&'static str>,
}

/// Finds the operation; the prefix `/v1` is optional, since official clients omit it in some calls.
pub(super) fn route(method: &str, path: &str) -> Route {
    let path = path
        .strip_prefix("/v1/")
        .or_else(|| path.strip_prefix('/'))
        .unwrap_or(path);
    let mut allow = Vec::new();
    let mut fixed = false;
    for &(endpoint, verb, pattern) in ROUTES {
        let variable = pattern.contains("{}");
        let Some(ids) = matches(pattern, path).filter(|_| !(fixed && variable)) else {
            continue;
        };
        fixed |= !variable;
        let preflight = method == "OPTIONS" && endpoint.is_for_scripts();
        if verb == method || preflight {
            return Route {
                endpoint: if preflight {
                    Endpoint::CorsPreflight
                } else {
                    endpoint
                },
                ids,
                allow: Vec::new(),
            };
        }
        allow.push(verb);
    }
    Route {
        endpoint: Endpoint::Unknown,
        ids: Vec::new(),
        allow,
    }
}

pub(super) fn matches(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut ids = Vec::new();
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        match (expected, segments.next()?) {
            ("{}", segment) if !segment.is_empty() => ids.push(segment.to_owned()),
            (fixed, segment) if fixed == segment => {}
            _ => return None,
        }
    }
    segments.next().is_none().then_some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_prefix_is_optional() {
        for path in ["/v1/m2m_tokens/verify", "/m2m_tokens/verify"] {
            assert_eq!(route("POST", path).endpoint, Endpoint::VerifyM2mToken);
        }
    }

    #[test]
    fn variable_segments_are_handed_over() {
        let found = route("DELETE", "/v1/machines/a/scopes/b");
        assert_eq!(found.endpoint, Endpoint::DeleteScope);
        assert_eq!(found.ids, ["a", "b"]);
    }

    #[test]
    fn a_known_path_names_its_methods() {
        let found = route("PUT", "/machines/a");
        assert_eq!(found.endpoint, Endpoint::Unknown);
        assert_eq!(found.allow, ["GET", "PATCH", "DELETE"]);
    }

    #[test]
    fn a_fixed_path_is_never_taken_for_an_id() {
        assert_eq!(route("GET", "/api_keys/verify").allow, ["POST"]);
    }

    #[test]
    fn an_empty_id_is_no_id() {
        assert_eq!(route("GET", "/machines/").endpoint, Endpoint::Unknown);
    }
}
