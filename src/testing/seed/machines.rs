//! Creates machines and their scopes, and authenticators for them.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::issued::seeded;
use crate::testing::emulator::ClerkEmulator;
use crate::testing::state::machines::Machine;
use crate::{Authenticator, AuthenticatorBuilder};

/// A machine of the emulator. Its `Debug` hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct EmulatedMachine {
    id: String,
    name: String,
    secret_key: String,
}

impl EmulatedMachine {
    /// Returns the id (`CLERK_MACHINE_ID`).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the secret with which the machine was created (`CLERK_MACHINE_SECRET_KEY`).
    pub fn secret_key(&self) -> &str {
        &self.secret_key
    }
}

impl From<Machine> for EmulatedMachine {
    fn from(machine: Machine) -> Self {
        Self {
            id: machine.id,
            name: machine.name,
            secret_key: machine.secret,
        }
    }
}

impl AsRef<str> for EmulatedMachine {
    fn as_ref(&self) -> &str {
        &self.id
    }
}

impl fmt::Debug for EmulatedMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatedMachine")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Builder for a machine.
#[derive(Debug)]
#[must_use = "call `.create()`"]
pub struct MachineBuilder<'a> {
    emulator: &'a ClerkEmulator,
    name: String,
    scopes: BTreeSet<String>,
    default_token_ttl: u64,
}

impl MachineBuilder<'_> {
    /// Allows the machine to reach another one.
    pub fn scoped_to(mut self, other: impl AsRef<str>) -> Self {
        self.scopes.insert(other.as_ref().to_owned());
        self
    }

    /// Sets the default lifetime of its tokens, in whole seconds. Default: one hour.
    pub fn default_token_ttl(mut self, ttl: Duration) -> Self {
        self.default_token_ttl = ttl.as_secs().max(1);
        self
    }

    /// Creates the machine.
    pub fn create(self) -> EmulatedMachine {
        let now = self.emulator.shared.now();
        let mut state = self.emulator.shared.state();
        let machine = state
            .machines
            .create(&self.name, self.scopes, self.default_token_ttl, now);
        machine.into()
    }
}

impl ClerkEmulator {
    /// Returns a builder for a machine with this name.
    pub fn machine(&self, name: impl Into<String>) -> MachineBuilder<'_> {
        MachineBuilder {
            emulator: self,
            name: name.into(),
            scopes: BTreeSet::new(),
            default_token_ttl: 3_600,
        }
    }

    /// Allows a machine to reach another one; applies to tokens that are created from now on.
    ///
    /// # Panics
    ///
    /// Panics if a machine is unknown, if the scope already exists, or if it would be the 151st.
    #[track_caller]
    pub fn grant(&self, from: impl AsRef<str>, to: impl AsRef<str>) {
        let now = self.shared.now();
        let granted = self
            .shared
            .state()
            .machines
            .grant(from.as_ref(), to.as_ref(), now);
        seeded(granted);
    }

    /// Removes a scope; opaque tokens that were created with it keep it, as in Clerk.
    ///
    /// # Panics
    ///
    /// Panics if there is no such scope.
    #[track_caller]
    pub fn revoke_grant(&self, from: impl AsRef<str>, to: impl AsRef<str>) {
        let now = self.shared.now();
        let revoked = self
            .shared
            .state()
            .machines
            .revoke_grant(from.as_ref(), to.as_ref(), now);
        seeded(revoked);
    }

    /// Replaces a machine's secret, and returns the new one.
    ///
    /// The previous one stays valid for `grace`, in whole seconds of the emulator's clock.
    ///
    /// # Panics
    ///
    /// Panics if the machine is unknown.
    #[track_caller]
    pub fn rotate_machine_secret(&self, machine: impl AsRef<str>, grace: Duration) -> String {
        let now = self.shared.now();
        let rotated = self
            .shared
            .state()
            .machines
            .rotate(machine.as_ref(), grace.as_secs(), now);
        seeded(rotated)
    }

    /// Returns the current secret of a machine.
    ///
    /// # Panics
    ///
    /// Panics if the machine is unknown.
    #[track_caller]
    pub fn machine_secret(&self, machine: impl AsRef<str>) -> String {
        let secret = self
            .shared
            .state()
            .machines
            .get(machine.as_ref())
            .map(|m| m.secret.clone());
        seeded(secret)
    }

    /// Deletes a machine, its secrets and all scopes that refer to it.
    ///
    /// # Panics
    ///
    /// Panics if the machine is unknown.
    #[track_caller]
    pub fn delete_machine(&self, machine: impl AsRef<str>) {
        let deleted = self.shared.state().delete_machine(machine.as_ref());
        seeded(deleted);
    }
}

impl ClerkEmulator {
    /// Returns an authenticator for this machine.
    ///
    /// It has the secrets of the instance and of the machine, and uses the emulator's clock.
    ///
    /// # Panics
    ///
    /// Panics if the system has no source of randomness.
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

    /// Returns the builder of [`authenticator_for`](Self::authenticator_for), to change further
    /// settings.
    ///
    /// The call budget is that of a production instance, although the secret is that of a
    /// development instance, because the emulator has no rate limit by default.
    pub fn authenticator_builder(&self, machine: &EmulatedMachine) -> AuthenticatorBuilder {
        Authenticator::builder()
            .api_url(self.api_url())
            .secret_key(self.secret_key())
            .publishable_key(self.publishable_key())
            .machine_secret_key(machine.secret_key())
            .machine_id(machine.id())
            .calls_per_second(80)
            .clock(self.clock().clone())
    }
}
