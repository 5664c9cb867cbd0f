//! Seed documents in JSON, such as a file that is shared by services in several languages.

use std::fmt;

use super::apply::{self, Seeded};
use super::document::Document;
use super::machines::EmulatedMachine;
use crate::testing::emulator::ClerkEmulator;

/// The objects that a seed document created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeededDocument {
    machines: Vec<EmulatedMachine>,
    variables: Vec<(String, String)>,
}

impl SeededDocument {
    /// Returns the machines, in the order of the document.
    pub fn machines(&self) -> &[EmulatedMachine] {
        &self.machines
    }

    /// Returns the tokens and keys that have a `variable`, by its name, in the order of the
    /// document.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }
}

impl From<Seeded> for SeededDocument {
    fn from(seeded: Seeded) -> Self {
        let named = |made: apply::Made| Some((made.variable?, made.token));
        Self {
            machines: seeded.machines.into_iter().map(Into::into).collect(),
            variables: seeded.tokens.into_iter().filter_map(named).collect(),
        }
    }
}

/// Error of a seed document; none of its objects were created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedError(String);

impl fmt::Display for SeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SeedError {}

impl ClerkEmulator {
    /// Creates the machines, scopes, tokens and keys of a JSON document, either all or none.
    ///
    /// The members are those of the console's API (`GET /__emulator/openapi.json`, schema `Seed`).
    /// Machines may be referred to by name. Omitted values are random.
    ///
    /// # Errors
    ///
    /// Fails if the document is invalid, or refers to an unknown machine.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use clerk_machine_auth::testing::ClerkEmulator;
    ///
    /// let clerk = ClerkEmulator::start().await;
    /// let seeded = clerk.seed(r#"{
    ///     "machines": [{ "name": "billing", "scopedTo": ["orders"] }, { "name": "orders" }],
    ///     "m2mTokens": [{ "machine": "billing", "variable": "BILLING_TOKEN" }]
    /// }"#)?;
    /// let (_, token) = &seeded.variables()[0];
    /// let orders = clerk.authenticator_for(&seeded.machines()[1]);
    /// assert_eq!(orders.verify(token).await?.machine_id(), Some(seeded.machines()[0].id()));
    /// # Ok(()) }
    /// ```
    pub fn seed(&self, document: &str) -> Result<SeededDocument, SeedError> {
        let document: Document =
            serde_json::from_str(document).map_err(|error| SeedError(error.to_string()))?;
        let now = self.shared.now();
        let seeded = apply::document(&mut self.shared.state(), document, now);
        seeded
            .map(Into::into)
            .map_err(|refusal| SeedError(refusal.long_message))
    }
}
