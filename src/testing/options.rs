//! Options for every behaviour that Clerk does not document.

use std::time::Duration;

use crate::TokenFormat;

/// Options for behaviours on which Clerk's documentation is silent or contradictory.
///
/// The default of each field is the more likely behaviour. The field's docs say what is known.
/// Change an option to verify that your service also works with the other behaviour:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use clerk_machine_auth::testing::{ClerkEmulator, InactiveToken};
///
/// let clerk = ClerkEmulator::builder()
///     .configure(|options| options.revoked = InactiveToken::Flagged)
///     .start()
///     .await?;
/// # drop(clerk); Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmulatorOptions {
    /// The response to the verification of a **revoked** opaque token. The documentation says that
    /// it "will throw an error", yet the 200 body has a `revoked` flag. Default: 404.
    pub revoked: InactiveToken,
    /// The response to the verification of an **expired** opaque token; see `revoked`. Default:
    /// 404.
    pub expired: InactiveToken,
    /// The response to the verification of an M2M token with the secret of a machine that it may
    /// not reach. The rule is documented, its status is not. Default: 404.
    pub unscoped: Unscoped,
    /// Whether `/m2m_tokens/verify` accepts `{"secret": …}` instead of `{"token": …}`. The OpenAPI
    /// document forbids it, but the Python, Java and C# clients send it. Default: yes.
    pub secret_for_token: bool,
    /// The meaning of `"seconds_until_expiration": null`. The JavaScript client says "never
    /// expires", the OpenAPI document says that the machine's default applies. Default: never.
    pub null_expiry: NullExpiry,
    /// Whether `/m2m_tokens/verify` accepts a JWT. This is undocumented; the endpoint is known to
    /// check the `cat` header of JWTs. Default: like an opaque token.
    pub jwt_at_verify: JwtAtVerify,
    /// The `cat` header of new M2M JWTs. Default: the M2M category.
    pub jwt_category: JwtCategory,
    /// Claim names that a caller may not set in a JWT. Clerk has an error code for them, but
    /// publishes no list. Default: `iss`, `sub`, `exp`, `nbf`, `iat`, `jti`.
    pub reserved_claims: Vec<String>,
    /// Whether a machine's secret verifies as an API key, since both begin with `ak_`. Unknown.
    /// Default: no (404).
    pub machine_secret_is_api_key: bool,
    /// Whether `GET /jwks` also accepts a machine secret. Unknown. Default: no (401).
    pub machine_secret_reads_jwks: bool,
    /// The success status of `POST /api_keys`. The OpenAPI document says 200, but the Python client
    /// only accepts 201, so Clerk probably responds with 201. Default: 201.
    pub create_api_key_status: u16,
    /// Whether the name of a revoked API key stays in use (409 `token_creation_conflict`), as seen
    /// in public test suites. Default: yes.
    pub revoked_name_blocks: bool,
    /// Whether the API keys feature is enabled. If not, every API key call gets 422
    /// `api_keys_not_enabled` (the code is documented, its use for verification is not). Default:
    /// yes.
    pub api_keys_enabled: bool,
    /// Whether the times of OAuth tokens are in seconds (as the newest client documents) instead of
    /// milliseconds. Default: yes.
    pub oauth_times_in_seconds: bool,
    /// Whether deleting a machine revokes its opaque tokens. Unknown. Default: yes.
    pub delete_kills_tokens: bool,
    /// Whether JWKS responses have an `ETag` and honour `If-None-Match`. Default: yes.
    pub jwks_etag: bool,
    /// The format of the access tokens that the authorization server issues. In Clerk, this is set
    /// per application. A JWT cannot be revoked. Default: JWT.
    pub oauth_token_format: TokenFormat,
    /// The custom scopes of the instance. If there are any, the authorization server only grants
    /// these and Clerk's own. If there are none, it grants every requested scope. Default: none.
    pub oauth_custom_scopes: Vec<String>,
    /// Whether access tokens have the `resource` that the client requested as their audience. Clerk
    /// does so for resources that are registered as MCP servers. Default: yes.
    pub oauth_audience: bool,
    /// Whether the user consents. Otherwise clients get `access_denied`. Default: yes.
    pub oauth_consent: bool,
    /// Whether clients may register themselves (RFC 7591). In Clerk, this must be enabled first.
    /// Default: yes.
    pub oauth_registration: bool,
    /// The rate limit of the instance, from which calls for key sets are exempt. It is undocumented
    /// whether calls with a machine secret share it; here they do. Default: none.
    pub rate_limit: Option<RateLimit>,
    /// The capacity of the log, which keeps the newest requests. Default: 10 000.
    pub log_capacity: usize,
    /// Whether the console at `/` and its API under `/__emulator/` are served. They are not part of
    /// Clerk. Default: no.
    pub console: bool,
}

impl Default for EmulatorOptions {
    fn default() -> Self {
        let reserved = ["iss", "sub", "exp", "nbf", "iat", "jti"];
        Self {
            revoked: InactiveToken::NotFound,
            expired: InactiveToken::NotFound,
            unscoped: Unscoped::NotFound,
            secret_for_token: true,
            null_expiry: NullExpiry::Never,
            jwt_at_verify: JwtAtVerify::AsOpaque,
            jwt_category: JwtCategory::M2m,
            reserved_claims: reserved.map(str::to_owned).to_vec(),
            machine_secret_is_api_key: false,
            machine_secret_reads_jwks: false,
            create_api_key_status: 201,
            revoked_name_blocks: true,
            api_keys_enabled: true,
            oauth_times_in_seconds: true,
            delete_kills_tokens: true,
            jwks_etag: true,
            oauth_token_format: TokenFormat::Jwt,
            oauth_custom_scopes: Vec::new(),
            oauth_audience: true,
            oauth_consent: true,
            oauth_registration: true,
            rate_limit: None,
            log_capacity: 10_000,
            console: false,
        }
    }
}

/// The scopes of every Clerk instance.
pub(super) const CLERK_SCOPES: [&str; 7] = [
    "openid",
    "profile",
    "email",
    "offline_access",
    "public_metadata",
    "private_metadata",
    "user:org:read",
];

impl EmulatorOptions {
    /// Returns `true` if the authorization server grants this scope.
    pub(super) fn grants_scope(&self, scope: &str) -> bool {
        let custom = &self.oauth_custom_scopes;
        custom.is_empty() || CLERK_SCOPES.contains(&scope) || custom.iter().any(|own| own == scope)
    }
}

/// The response for a token that is no longer valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InactiveToken {
    /// 404, as for a token that never existed.
    NotFound,
    /// 200 with the flag `revoked` or `expired` set.
    Flagged,
}

/// The response for an M2M token that may not reach the calling machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unscoped {
    /// 404, as for a token that never was.
    NotFound,
    /// 403 `authorization_invalid`.
    Forbidden,
}

/// The meaning of a `null` expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullExpiry {
    /// The token never expires. A JWT, which must expire, gets the longest default lifetime that a
    /// machine may have (ten years).
    Never,
    /// The machine's default lifetime applies, as if the member were absent.
    MachineDefault,
}

/// What `/m2m_tokens/verify` does with a JWT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtAtVerify {
    /// 404: only opaque tokens are stored.
    Refused,
    /// 200 for every valid JWT of the instance, whichever machine asks.
    AnyReceiver,
    /// 200, but with a machine secret only if the sender may currently reach that machine.
    AsOpaque,
}

/// The category in the header of a new M2M JWT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtCategory {
    /// `cl_B7d4PD333AAA`, the M2M category.
    M2m,
    /// `cl_I7d4PD111III`, which some instances put into every type of token.
    Ignore,
    /// No `cat` at all, as before it was introduced.
    Absent,
}

impl JwtCategory {
    pub(super) fn value(self) -> Option<&'static str> {
        match self {
            Self::M2m => Some("cl_B7d4PD333AAA"),
            Self::Ignore => Some("cl_I7d4PD111III"),
            Self::Absent => None,
        }
    }
}

/// A limit on the calls in a time window, then 429 with `Retry-After` until the window ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The number of calls in a window.
    pub calls: u64,
    /// The length of a window, by the emulator's clock.
    pub window: Duration,
}

impl RateLimit {
    /// Clerk's limit of a production instance: 1000 calls in 10 seconds.
    pub const PRODUCTION: Self = Self {
        calls: 1_000,
        window: Duration::from_secs(10),
    };
    /// Clerk's limit of a development instance: 100 calls in 10 seconds.
    pub const DEVELOPMENT: Self = Self {
        calls: 100,
        window: Duration::from_secs(10),
    };
}
