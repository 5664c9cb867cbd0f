//! An emulator, a client of it, and the check of all that crossed between them.

use clerk_machine_auth::testing::{ClerkEmulator, EmulatedMachine};
use clerk_machine_auth::{
    AdminClient, AdminError, ApiError, ApiKeyId, M2mTokenId, MachineId, MachineSecretKey, SecretKey,
};

use crate::support::openapi::{Requests, assert_conforms};

/// Holds its traffic against the document when it is dropped.
pub(crate) struct World {
    pub(crate) clerk: ClerkEmulator,
    /// Holds the instance secret only.
    pub(crate) admin: AdminClient,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clerk = ClerkEmulator::start().await;
        let admin = AdminClient::builder()
            .api_url(clerk.api_url())
            .secret_key(SecretKey::new(clerk.secret_key()).unwrap())
            .clock(clerk.clock().clone())
            .build()
            .unwrap();
        Self { clerk, admin }
    }

    /// A client that holds the secret of this machine and nothing else.
    pub(crate) fn of_machine(&self, machine: &EmulatedMachine) -> AdminClient {
        AdminClient::builder()
            .api_url(self.clerk.api_url())
            .machine_secret(secret(machine.secret_key()))
            .build()
            .unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_conforms(&self.clerk.requests(), Requests::All);
        }
    }
}

pub(crate) fn machine_id(machine: &EmulatedMachine) -> MachineId {
    MachineId::new(machine.id()).unwrap()
}

pub(crate) fn unknown_machine() -> MachineId {
    MachineId::new(format!("mch_{}", "0".repeat(27))).unwrap()
}

pub(crate) fn unknown_token() -> M2mTokenId {
    M2mTokenId::new(format!("mt_{}", "0".repeat(32))).unwrap()
}

pub(crate) fn unknown_key() -> ApiKeyId {
    ApiKeyId::new(format!("ak_{}", "0".repeat(32))).unwrap()
}

pub(crate) fn secret(text: &str) -> MachineSecretKey {
    MachineSecretKey::new(text).unwrap()
}

/// What Clerk answered, where it answered with an error.
#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, AdminError>) -> ApiError {
    result
        .unwrap_err()
        .api()
        .expect("an answer of Clerk")
        .clone()
}
