//! The Clerk that is asked: yours, or an emulator with tokens to try.

use std::time::Duration;

use clerk_machine_auth::AuthenticatorBuilder;
use clerk_machine_auth::testing::ClerkEmulator;

use crate::{Outcome, variable};

const SETTINGS: [&str; 4] = [
    "CLERK_SECRET_KEY",
    "CLERK_MACHINE_SECRET_KEY",
    "CLERK_JWT_KEY",
    "CLERK_PUBLISHABLE_KEY",
];

pub(crate) struct Clerk {
    pub(crate) builder: AuthenticatorBuilder,
    pub(crate) tokens: Vec<(&'static str, String)>,
    _emulator: Option<ClerkEmulator>,
}

impl Clerk {
    pub(crate) async fn find() -> Outcome<Self> {
        if SETTINGS.iter().any(|name| variable(name).is_some()) {
            return Ok(Self {
                builder: AuthenticatorBuilder::from_env()?,
                tokens: Vec::new(),
                _emulator: None,
            });
        }
        let clerk = ClerkEmulator::builder().start().await?;
        let me = clerk.machine("gateway").create();
        let caller = clerk.machine("caller").scoped_to(&me).create();
        let stranger = clerk.machine("stranger").create();
        let user = clerk.new_user_id();
        let day = Duration::from_secs(86_400);
        let key = clerk.api_key(&user).scopes(["reports:read"]);
        let oauth = clerk.oauth_jwt(&user).scopes(["profile"]);
        let tokens = [
            ("M2M_JWT", clerk.m2m_jwt(&caller).lifetime(day).create()),
            (
                "M2M_OPAQUE",
                clerk.m2m_token(&caller).lifetime(day).create(),
            ),
            (
                "M2M_JWT_UNSCOPED",
                clerk.m2m_jwt(&stranger).lifetime(day).create(),
            ),
            ("API_KEY", key.lifetime(day).create()),
            ("OAUTH_JWT", oauth.lifetime(day).create()),
        ];
        Ok(Self {
            builder: clerk.authenticator_builder(&me),
            tokens: tokens
                .map(|(name, token)| (name, token.token().to_owned()))
                .into(),
            _emulator: Some(clerk),
        })
    }
}
