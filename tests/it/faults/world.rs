//! An emulator, and services whose patience is short.

use std::time::Duration;

use clerk_machine_auth::testing::{ClerkEmulator, EmulatedMachine, Endpoint};
use clerk_machine_auth::{Authenticator, AuthenticatorBuilder, MachineId, MachineSecret};

use crate::support::tls::TlsProxy;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) struct World {
    pub(crate) clerk: ClerkEmulator,
    pub(crate) me: EmulatedMachine,
    pub(crate) caller: EmulatedMachine,
    /// In front of the emulator, where there is one.
    pub(crate) tls: Option<TlsProxy>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clerk = ClerkEmulator::builder().start().await.unwrap();
        let me = clerk.machine("me").create();
        let caller = clerk.machine("caller").scoped_to(&me).create();
        clerk.clock().freeze();
        Self {
            clerk,
            me,
            caller,
            tls: None,
        }
    }

    /// The same, over TLS and HTTP/2; see [`tls::trusted`](crate::support::tls::trusted).
    pub(crate) async fn over_tls() -> Self {
        let world = Self::new().await;
        let tls = Some(TlsProxy::start(world.clerk.api_url()).await);
        Self { tls, ..world }
    }

    pub(crate) fn builder(&self) -> AuthenticatorBuilder {
        let builder = self.clerk.authenticator_builder(&self.me);
        let builder = builder.timeout(Duration::from_millis(1_000));
        match &self.tls {
            Some(tls) => builder.api_url(tls.url()),
            None => builder,
        }
    }

    pub(crate) fn service(&self) -> Authenticator {
        self.builder().build().unwrap()
    }

    /// This machine's secret, fetched and kept by a client of the instance.
    pub(crate) fn managed_secret(&self) -> MachineSecret {
        let admin = self.service().admin().unwrap().clone();
        MachineSecret::managed(admin, MachineId::new(self.me.id()).unwrap())
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
