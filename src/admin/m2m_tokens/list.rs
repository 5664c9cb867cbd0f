//! Listing the tokens of a machine.

use super::model::M2mTokenInfo;
use crate::admin::client::AdminClient;
use crate::admin::page::{Listing, list_methods};
use crate::credential::SecretChoice;
use crate::id::MachineId;
use crate::secret::MachineSecretKey;

/// A request for tokens; see [`M2mTokens::list`](super::M2mTokens::list).
#[derive(Debug, Clone)]
#[must_use = "nothing is sent before `page` or `stream` is called"]
pub struct ListM2mTokens {
    listing: Listing,
}

impl ListM2mTokens {
    pub(super) fn new(client: &AdminClient, subject: &MachineId) -> Self {
        let listing = Listing::new(client, super::M2M_TOKENS, 100)
            .secret(SecretChoice::InstanceElseMachine)
            .filter("subject", subject);
        Self { listing }
    }

    /// Includes revoked tokens.
    pub fn revoked(mut self, include: bool) -> Self {
        self.listing = self.listing.filter("revoked", &include);
        self
    }

    /// Includes expired tokens.
    pub fn expired(mut self, include: bool) -> Self {
        self.listing = self.listing.filter("expired", &include);
        self
    }

    /// Uses this machine secret for this request, which only lists that machine's own tokens.
    pub fn with_machine_secret(mut self, secret: MachineSecretKey) -> Self {
        self.listing = self.listing.secret(SecretChoice::Given(secret));
        self
    }

    /// Uses the client's own machine secret for this request.
    pub fn with_own_machine_secret(mut self) -> Self {
        self.listing = self.listing.secret(SecretChoice::Machine);
        self
    }

    list_methods!(M2mTokenInfo, "100");
}
