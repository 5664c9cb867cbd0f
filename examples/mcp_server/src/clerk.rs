//! The Clerk that the server trusts: yours, or an emulator.

use clerk_machine_auth::testing::ClerkEmulator;
use clerk_machine_auth::{AuthenticatorBuilder, TokenFormat, TokenType};

use crate::{Outcome, variable};

/// The Clerk that the server trusts.
pub(crate) struct Clerk {
    pub(crate) builder: AuthenticatorBuilder,
    pub(crate) issuer: Option<String>,
    emulator: Option<ClerkEmulator>,
}

impl Clerk {
    pub(crate) async fn find() -> Outcome<Self> {
        let is_set = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            name.to_string_lossy().starts_with("CLERK_") && !value.is_empty()
        };
        if std::env::vars_os().any(is_set) {
            return Ok(Self {
                builder: AuthenticatorBuilder::from_env()?.accept([TokenType::OAuth]),
                issuer: None,
                emulator: None,
            });
        }
        let clerk = ClerkEmulator::builder().start().await?;
        // A JWT cannot be revoked; choose opaque tokens for the application in Clerk, too.
        clerk.configure(|options| options.oauth_token_format = TokenFormat::Opaque);
        let me = clerk.machine("mcp-server").create();
        // Opaque tokens are asked about again this soon: a revocation shows within a second.
        let builder = clerk
            .authenticator_builder(&me)
            .fresh_for(std::time::Duration::from_secs(1));
        Ok(Self {
            builder: builder.accept([TokenType::OAuth]),
            issuer: Some(clerk.issuer().to_owned()),
            emulator: Some(clerk),
        })
    }

    /// Tokens that a server must refuse or tell apart, for those who test with `SHOW_TOKENS=1`.
    pub(crate) fn tokens(&self, url: &str) -> Vec<String> {
        let Some(clerk) = self
            .emulator
            .as_ref()
            .filter(|_| variable("SHOW_TOKENS").is_some())
        else {
            return Vec::new();
        };
        let caller = clerk.machine("caller").create();
        let user = |audience: Option<&str>| {
            let token = clerk.oauth_jwt(clerk.new_user_id());
            match audience {
                Some(audience) => token.audience(audience),
                None => token,
            }
            .create()
        };
        let tokens = [
            ("TOKEN_A", user(Some(url))),
            ("TOKEN_B", user(Some(url))),
            (
                "TOKEN_OTHER_AUDIENCE",
                user(Some("https://other.example/mcp")),
            ),
            ("TOKEN_NO_AUDIENCE", user(None)),
            ("TOKEN_M2M", clerk.m2m_jwt(&caller).create()),
        ];
        tokens
            .iter()
            .map(|(name, token)| format!("{name}={}", token.token()))
            .collect()
    }
}
