//! An emulator whose clock stands still, a caller and a receiver.

use std::time::Duration;

use clerk_machine_auth::testing::{ClerkEmulator, EmulatedMachine, Endpoint, Fault};
use clerk_machine_auth::{
    AdminClient, M2mTokenSource, M2mTokenSourceBuilder, MachineId, MachineSecret, OutboundToken,
    SecretKey,
};
use futures_util::FutureExt as _;
use serde_json::Value;

use crate::support::openapi::{Requests, assert_conforms};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

pub(crate) struct World {
    pub(crate) clerk: ClerkEmulator,
    pub(crate) billing: EmulatedMachine,
    pub(crate) reports: EmulatedMachine,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clerk = ClerkEmulator::start().await;
        clerk.clock().freeze();
        let reports = clerk.machine("reports").create();
        let billing = clerk.machine("billing").scoped_to(&reports).create();
        Self {
            clerk,
            billing,
            reports,
        }
    }

    pub(crate) fn builder(&self) -> M2mTokenSourceBuilder {
        M2mTokenSource::builder()
            .machine_secret_key(self.billing.secret_key())
            .api_url(self.clerk.api_url())
            .clock(self.clerk.clock().clone())
    }

    pub(crate) fn source(&self) -> M2mTokenSource {
        self.builder().build().unwrap()
    }

    /// The caller's secret, fetched through an admin client.
    pub(crate) fn managed(&self) -> MachineSecret {
        let client = AdminClient::builder()
            .api_url(self.clerk.api_url())
            .secret_key(SecretKey::new(self.clerk.secret_key()).unwrap())
            .clock(self.clerk.clock().clone())
            .build()
            .unwrap();
        MachineSecret::managed(client, MachineId::new(self.billing.id()).unwrap())
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clerk.clock().advance(time);
    }

    /// Calls that asked Clerk for a token.
    pub(crate) fn asked(&self) -> u64 {
        self.clerk.calls(Endpoint::CreateM2mToken)
    }

    pub(crate) fn fail(&self, status: u16) {
        let fault = Fault::status(status);
        self.clerk.fault(Endpoint::CreateM2mToken, fault).always();
    }

    /// What the last request for a token asked for.
    pub(crate) fn last_body(&self) -> Value {
        let requests = self.clerk.requests();
        let mints = requests
            .iter()
            .filter(|r| r.endpoint == Endpoint::CreateM2mToken);
        mints.last().unwrap().json()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let requests = self.clerk.requests();
            let sound: Vec<_> = requests.into_iter().filter(|r| !r.faulted).collect();
            assert_conforms(&sound, Requests::All);
        }
    }
}

/// Waits until no mint is under way, and until the place of the last one is free.
pub(crate) async fn settle(source: &M2mTokenSource) {
    if source.health().minting {
        while source.health().minting {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The token that is at hand without waiting.
#[track_caller]
pub(crate) fn at_once(source: &M2mTokenSource) -> OutboundToken {
    let token = source.token().now_or_never();
    token.expect("a caller waits").unwrap()
}
