//! An authenticator that trusts an emulator.

use super::emulator::ClerkEmulator;
use super::mint::EmulatedMachine;
use crate::{Authenticator, AuthenticatorBuilder};

impl ClerkEmulator {
    /// Returns an authenticator for a service that is this machine.
    ///
    /// It holds the secrets of the instance and of the machine, and goes by the emulator's clock.
    ///
    /// # Panics
    ///
    /// If the system has no randomness to give.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use clerk_machine_auth::testing::ClerkEmulator;
    ///
    /// let clerk = ClerkEmulator::start().await;
    /// let reports = clerk.machine("reports").create();
    /// let billing = clerk.machine("billing").scoped_to(&reports).create();
    /// let auth = clerk.authenticator_for(&reports);
    ///
    /// let token = clerk.m2m_jwt(&billing).create();
    /// assert_eq!(auth.verify(token.token()).await?.machine_id(), Some(billing.id()));
    /// # Ok(()) }
    /// ```
    #[expect(clippy::expect_used, reason = "a test can do nothing about it")]
    pub fn authenticator_for(&self, machine: &EmulatedMachine) -> Authenticator {
        let builder = self.authenticator_builder(machine);
        builder.build().expect("the emulator's settings are sound")
    }

    /// Returns the settings of [`authenticator_for`](Self::authenticator_for), to add others.
    pub fn authenticator_builder(&self, machine: &EmulatedMachine) -> AuthenticatorBuilder {
        Authenticator::builder()
            .api_url(self.api_url())
            .secret_key(self.secret_key())
            .publishable_key(self.publishable_key())
            .machine_secret_key(machine.secret_key())
            .machine_id(machine.id())
            .clock(self.clock().clone())
    }
}
