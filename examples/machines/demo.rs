//! Something to look at where no Clerk instance is given.

use std::error::Error;

use clerk_machine_auth::testing::ClerkEmulator;
use clerk_machine_auth::{AdminClient, SecretKey};

/// An emulator with a few machines, tokens and keys, and a client of it.
pub(crate) struct Demo {
    pub(crate) client: AdminClient,
    /// The user who has a key.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) user: String,
    /// The server lives as long as this.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) clerk: ClerkEmulator,
}

impl Demo {
    pub(crate) async fn start() -> Result<Self, Box<dyn Error>> {
        let clerk = ClerkEmulator::builder().start().await?;
        let user = seed(&clerk);
        let client = AdminClient::builder()
            .api_url(clerk.api_url())
            .secret_key(SecretKey::new(clerk.secret_key())?)
            .build()?;
        Ok(Self {
            client,
            user,
            clerk,
        })
    }
}

fn seed(clerk: &ClerkEmulator) -> String {
    let ledger = clerk.machine("ledger").create();
    let orders = clerk.machine("orders").scoped_to(&ledger).create();
    let reports = clerk
        .machine("reports")
        .scoped_to(&ledger)
        .scoped_to(&orders)
        .create();
    let gateway = clerk
        .machine("gateway")
        .scoped_to(&orders)
        .scoped_to(&reports)
        .create();
    clerk.m2m_token(&gateway).create();
    let user = clerk.new_user_id();
    clerk
        .api_key(&user)
        .name("nightly export")
        .scopes(["reports:read"])
        .create();
    user
}
