//! Every behaviour that Clerk does not document, as a switch.

use std::time::Duration;

use crate::TokenFormat;

/// How the emulator behaves where Clerk's documents are silent or contradict themselves.
///
/// The default of each field is the likelier reading; the field's text says what is known. Flip
/// one to prove that your service survives the other reading as well:
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
    /// What verifying a **revoked** opaque token answers. The documents say it "will throw an
    /// error", yet the 200 body carries a `revoked` flag. Default: 404.
    pub revoked: InactiveToken,
    /// What verifying an **expired** opaque token answers. As for `revoked`. Default: 404.
    pub expired: InactiveToken,
    /// What verifying an M2M token answers under the secret of a machine that the token may not
    /// reach. The rule is documented, its status is not. Default: 404.
    pub unscoped: Unscoped,
    /// Whether `/m2m_tokens/verify` takes `{"secret": …}` for `{"token": …}`. The document forbids
    /// it, and the Python, Java and C# clients send it. Default: yes.
    pub secret_for_token: bool,
    /// What `"seconds_until_expiration": null` means. The JavaScript client says "never expires",
    /// the document says that the machine's default applies. Default: never.
    pub null_expiry: NullExpiry,
    /// Whether `/m2m_tokens/verify` takes a JWT. Undocumented; the endpoint is known to check the
    /// `cat` header of JWTs. Default: as it treats an opaque token.
    pub jwt_at_verify: JwtAtVerify,
    /// The `cat` header of minted M2M JWTs. Default: the M2M category.
    pub jwt_category: JwtCategory,
    /// Claim names that a caller may not set in a JWT. Clerk has an error code for them and publishes no
    /// list. Default: `iss`, `sub`, `exp`, `nbf`, `iat`, `jti`.
    pub reserved_claims: Vec<String>,
    /// Whether a machine's secret verifies as an API key, since both begin with `ak_`. Unproven.
    /// Default: no (404).
    pub machine_secret_is_api_key: bool,
    /// Whether `GET /jwks` also takes a machine secret. Unproven. Default: no (401).
    pub machine_secret_reads_jwks: bool,
    /// The success status of `POST /api_keys`: the document says 200, the Python client accepts
    /// 201 only, so that Clerk probably answers 201. Default: 201.
    pub create_api_key_status: u16,
    /// Whether a revoked API key still blocks its name (409 `token_creation_conflict`), as seen in
    /// public test suites. Default: yes.
    pub revoked_name_blocks: bool,
    /// Whether the API-keys feature is on. Off: every API-key call answers 422
    /// `api_keys_not_enabled` (the code is documented, its use on verify is not). Default: on.
    pub api_keys_enabled: bool,
    /// Whether OAuth tokens show their times in seconds (as the newest client documents) rather
    /// than milliseconds. Default: seconds.
    pub oauth_times_in_seconds: bool,
    /// Whether deleting a machine kills its opaque tokens. Unproven. Default: yes.
    pub delete_kills_tokens: bool,
    /// Whether JWKS answers carry an `ETag` and honour `If-None-Match`. Default: yes.
    pub jwks_etag: bool,
    /// The format of the access tokens that the authorization server issues. In Clerk each
    /// application has its own. A JWT cannot be revoked. Default: JWT.
    pub oauth_token_format: TokenFormat,
    /// The custom scopes of the instance. Where there are some, the authorization server grants
    /// these and Clerk's own only; where there are none, it grants whatever is asked for. Default:
    /// none.
    pub oauth_custom_scopes: Vec<String>,
    /// Whether access tokens name the `resource` that the client asked for as their audience.
    /// Clerk does so for resources that are registered there as MCP servers. Default: yes.
    pub oauth_audience: bool,
    /// Whether the user consents. Otherwise clients get `access_denied`. Default: yes.
    pub oauth_consent: bool,
    /// Whether clients may register themselves (RFC 7591). In Clerk that is off until somebody
    /// switches it on. Default: yes.
    pub oauth_registration: bool,
    /// The rate limit of the instance; key-set calls are exempt. Whether calls with a machine
    /// secret share it is undocumented; here they do. Default: none.
    pub rate_limit: Option<RateLimit>,
    /// How many of the newest requests the log keeps. Default: 10 000.
    pub log_capacity: usize,
    /// Whether the console at `/` and its API under `/__emulator/` are served. Never part of Clerk.
    /// Default: no.
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

/// The scopes that every instance of Clerk knows.
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

/// The answer about a token that was good once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InactiveToken {
    /// 404, as for a token that never was.
    NotFound,
    /// 200 with the flag `revoked` or `expired` set.
    Flagged,
}

/// The answer about an M2M token that may not reach the machine that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unscoped {
    /// 404, as for a token that never was.
    NotFound,
    /// 403 `authorization_invalid`.
    Forbidden,
}

/// The meaning of an expiry that is `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullExpiry {
    /// The token never expires; a JWT, which must expire, lives the longest default time-to-live
    /// that a machine may have (ten years).
    Never,
    /// The machine's default time-to-live applies, as if the member were absent.
    MachineDefault,
}

/// What `/m2m_tokens/verify` does with a JWT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtAtVerify {
    /// 404: only opaque tokens are stored.
    Refused,
    /// 200 for any live JWT of the instance, whoever asks.
    AnyReceiver,
    /// 200, but under a machine secret only if the sender may reach that machine now.
    AsOpaque,
}

/// The category that the header of a minted M2M JWT names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtCategory {
    /// `cl_B7d4PD333AAA`, the M2M category.
    M2m,
    /// `cl_I7d4PD111III`, which some instances stamp on every class of token.
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

/// So many calls in a window of time, then 429 with `Retry-After` until the window ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many calls one window takes.
    pub calls: u64,
    /// How long a window lasts, by the emulator's clock.
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
