//! The Clerk that is asked: yours, or an emulator.

use std::error::Error;
use std::time::Duration;

use clerk_machine_auth::testing::ClerkEmulator;
use clerk_machine_auth::{Authenticator, AuthenticatorBuilder};

const SETTINGS: [&str; 4] = [
    "CLERK_SECRET_KEY",
    "CLERK_MACHINE_SECRET_KEY",
    "CLERK_JWT_KEY",
    "CLERK_PUBLISHABLE_KEY",
];

/// The Clerk that is asked.
#[derive(Debug)]
pub struct Clerk {
    pub auth: Authenticator,
    /// What to try it with, as `NAME=value`.
    pub values: Vec<(&'static str, String)>,
    /// The emulator, if it is one.
    pub emulator: Option<ClerkEmulator>,
}

impl Clerk {
    pub async fn find() -> Result<Self, Box<dyn Error>> {
        let is_set = |name: &&str| std::env::var(name).is_ok_and(|value| !value.trim().is_empty());
        if SETTINGS.iter().any(|name| is_set(name)) {
            return Ok(Self {
                auth: AuthenticatorBuilder::from_env()?.build()?,
                values: Vec::new(),
                emulator: None,
            });
        }
        Self::emulated().await
    }

    /// An emulator with a machine that may call this service, one that may not, and a user's keys.
    pub async fn emulated() -> Result<Self, Box<dyn Error>> {
        let clerk = ClerkEmulator::builder().start().await?;
        let me = clerk.machine("reports").create();
        let caller = clerk.machine("caller").scoped_to(&me).create();
        let stranger = clerk.machine("stranger").create();
        let user = clerk.new_user_id();
        let day = Duration::from_secs(86_400);
        let key = |scopes: &[&str]| {
            let key = clerk.api_key(&user).scopes(scopes.iter().copied());
            key.lifetime(day).create().token().to_owned()
        };
        let jwt = |machine| {
            clerk
                .m2m_jwt(machine)
                .lifetime(day)
                .create()
                .token()
                .to_owned()
        };
        let values = vec![
            ("CLERK_API_URL", clerk.api_url().to_owned()),
            ("CLERK_MACHINE_SECRET_KEY", caller.secret_key().to_owned()),
            ("M2M_JWT", jwt(&caller)),
            ("M2M_JWT_UNSCOPED", jwt(&stranger)),
            ("API_KEY", key(&["reports:read"])),
            ("API_KEY_PLAIN", key(&[])),
            ("API_KEY_WRITES", key(&["reports:read", "reports:write"])),
        ];
        let auth = clerk
            .authenticator_builder(&me)
            .grant_scopes(caller.id(), ["reports:read"])
            .build()?;
        Ok(Self {
            auth,
            values,
            emulator: Some(clerk),
        })
    }
}
