//! An emulator, and services whose patience is short.

use std::time::Duration;

use clerk_machine_auth::testing::{ClerkEmulator, EmulatedMachine, Endpoint};
use clerk_machine_auth::{Authenticator, AuthenticatorBuilder};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) struct World {
    pub(crate) clerk: ClerkEmulator,
    pub(crate) me: EmulatedMachine,
    pub(crate) caller: EmulatedMachine,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clerk = ClerkEmulator::builder().start().await.unwrap();
        let me = clerk.machine("me").create();
        let caller = clerk.machine("caller").scoped_to(&me).create();
        clerk.clock().freeze();
        Self { clerk, me, caller }
    }

    pub(crate) fn builder(&self) -> AuthenticatorBuilder {
        self.clerk
            .authenticator_builder(&self.me)
            .timeout(Duration::from_millis(1_000))
    }

    pub(crate) fn service(&self) -> Authenticator {
        self.builder().build().unwrap()
    }

    pub(crate) fn key(&self) -> String {
        let user = self.clerk.new_user_id();
        self.clerk.api_key(user).create().token().to_owned()
    }

    pub(crate) fn jwt(&self) -> String {
        self.clerk.m2m_jwt(&self.caller).create().token().to_owned()
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clerk.clock().advance(time);
    }

    pub(crate) fn asked(&self) -> u64 {
        self.clerk.calls(Endpoint::VerifyApiKey)
    }

    pub(crate) fn fetched(&self) -> u64 {
        self.clerk.calls(Endpoint::GetJwks)
    }
}

/// The status that the caller gets.
pub(crate) async fn status(service: &Authenticator, token: &str) -> u16 {
    match service.verify(token).await {
        Ok(_) => 200,
        Err(error) => error.status().as_u16(),
    }
}
