//! Some replicas, one emulator, one store.

use std::time::Duration;

use clerk_machine_auth::health::{FleetHealth, FleetState};
use clerk_machine_auth::testing::{ClerkEmulator, EmulatedMachine, Endpoint, SharedMemory};
use clerk_machine_auth::{Authenticator, AuthenticatorBuilder, Fleet};
use tokio::time::sleep;

pub(crate) const KEY: &str = "the first key of a fleet, 32 characters long";
pub(crate) const MILLI: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) struct World {
    pub(crate) clerk: ClerkEmulator,
    pub(crate) me: EmulatedMachine,
    pub(crate) caller: EmulatedMachine,
    pub(crate) memory: SharedMemory,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clerk = ClerkEmulator::builder().start().await.unwrap();
        let me = clerk.machine("me").create();
        let caller = clerk.machine("caller").scoped_to(&me).create();
        Self {
            memory: SharedMemory::with_clock(clerk.clock().clone()),
            clerk,
            me,
            caller,
        }
    }

    pub(crate) fn builder(&self) -> AuthenticatorBuilder {
        let fleet = Fleet::memory(&self.memory).key(KEY);
        self.clerk.authenticator_builder(&self.me).fleet(fleet)
    }

    /// Replicas that work together.
    pub(crate) async fn replicas<const N: usize>(&self) -> [Authenticator; N] {
        let replicas = std::array::from_fn(|_| self.builder().build().unwrap());
        for replica in &replicas {
            together(replica).await;
        }
        // Each has heard of all others.
        until(|| replicas.iter().all(|it| fleet(it).members == N)).await;
        replicas
    }

    pub(crate) fn calls(&self) -> u64 {
        self.clerk.calls(Endpoint::VerifyApiKey)
    }
}

pub(crate) fn fleet(replica: &Authenticator) -> FleetHealth {
    replica.health().fleet.unwrap()
}

pub(crate) async fn together(replica: &Authenticator) {
    until(|| fleet(replica).state == FleetState::Together).await;
}

/// Waits for something that comes about by itself.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if is_so() {
            return;
        }
        sleep(MILLI * 10).await;
    }
    panic!("it did not come about in 20 seconds");
}
