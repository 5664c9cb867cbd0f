//! An emulator with a service, a machine that may reach it, and one that may not.

use clerk_machine_auth::testing::{ClerkEmulator, EmulatedMachine, Endpoint};
use clerk_machine_auth::{
    AuthError, Authenticator, AuthenticatorBuilder, MachineId, MachineSecret,
};

pub(crate) struct World {
    pub(crate) clerk: ClerkEmulator,
    pub(crate) me: EmulatedMachine,
    pub(crate) caller: EmulatedMachine,
    pub(crate) stranger: EmulatedMachine,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clerk = ClerkEmulator::start().await;
        let me = clerk.machine("me").create();
        let caller = clerk.machine("caller").scoped_to(&me).create();
        let stranger = clerk.machine("stranger").create();
        Self {
            clerk,
            me,
            caller,
            stranger,
        }
    }

    /// The settings of a service that holds every secret.
    pub(crate) fn builder(&self) -> AuthenticatorBuilder {
        self.clerk.authenticator_builder(&self.me)
    }

    /// The settings of a service that knows where Clerk is, and nothing else.
    pub(crate) fn bare(&self) -> AuthenticatorBuilder {
        Authenticator::builder()
            .api_url(self.clerk.api_url())
            .clock(self.clerk.clock().clone())
    }

    /// This machine's secret, fetched and kept by a client of the instance.
    pub(crate) fn managed_secret(&self) -> MachineSecret {
        let admin = self.builder().build().unwrap().admin().unwrap().clone();
        MachineSecret::managed(admin, MachineId::new(self.me.id()).unwrap())
    }

    pub(crate) fn calls(&self, endpoint: Endpoint) -> u64 {
        self.clerk.calls(endpoint)
    }

    pub(crate) fn jwt(&self, machine: &EmulatedMachine) -> String {
        self.clerk.m2m_jwt(machine).create().token().to_owned()
    }

    pub(crate) fn opaque(&self, machine: &EmulatedMachine) -> String {
        self.clerk.m2m_token(machine).create().token().to_owned()
    }
}

/// The reason of a rejection, or `ok`.
pub(crate) async fn reason(auth: &Authenticator, token: &str) -> &'static str {
    match auth.verify(token).await {
        Ok(_) => "ok",
        Err(error) => AuthError::reason(&error),
    }
}
