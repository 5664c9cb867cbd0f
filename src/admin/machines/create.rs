//! Creating a machine.

use std::time::Duration;

use http::Method;
use serde::{Deserialize, Serialize};

use super::model::{CreatedMachine, Machine};
use crate::admin::client::AdminClient;
use crate::admin::input;
use crate::backend::AdminError;
use crate::id::MachineId;
use crate::secret::MachineSecretKey;
use crate::transport::MACHINE_LIMIT;

/// A request to create a machine; see [`Machines::create`](super::Machines::create).
#[derive(Debug, Clone)]
#[must_use = "nothing is sent before `send` is called"]
pub struct CreateMachine {
    client: AdminClient,
    name: String,
    scoped_machines: Vec<MachineId>,
    default_token_ttl: Option<Duration>,
}

#[derive(Serialize)]
struct Body<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    scoped_machines: &'a [MachineId],
    #[serde(skip_serializing_if = "Option::is_none")]
    default_token_ttl: Option<u64>,
}

#[derive(Deserialize)]
struct Secret {
    #[serde(deserialize_with = "crate::admin::wire::machine_secret")]
    secret_key: MachineSecretKey,
}

impl CreateMachine {
    pub(super) fn new(client: &AdminClient, name: String) -> Self {
        Self {
            client: client.clone(),
            name,
            scoped_machines: Vec::new(),
            default_token_ttl: None,
        }
    }

    /// Allows the machine to reach these machines; at most 150 in total.
    pub fn scoped_to(mut self, machines: impl IntoIterator<Item = MachineId>) -> Self {
        self.scoped_machines.extend(machines);
        self
    }

    /// Sets the default lifetime of the machine's tokens: whole seconds, from one second to ten
    /// years; an hour by default.
    pub const fn default_token_ttl(mut self, ttl: Duration) -> Self {
        self.default_token_ttl = Some(ttl);
        self
    }

    /// Creates the machine.
    ///
    /// The call is not repeated if the response is lost. Before you repeat it, check whether the
    /// machine exists.
    ///
    /// # Errors
    ///
    /// Fails without a call if the name, the lifetime or the number of scopes is out of bounds, and
    /// otherwise as described in [`AdminErrorKind`](crate::AdminErrorKind).
    pub async fn send(self) -> Result<CreatedMachine, AdminError> {
        input::machine_name(&self.name)?;
        input::scoped_machines(self.scoped_machines.len())?;
        let body = Body {
            name: &self.name,
            scoped_machines: &self.scoped_machines,
            default_token_ttl: input::optional(self.default_token_ttl, input::default_token_ttl)?,
        };
        let call = self.client.write(Method::POST, &[super::MACHINES]);
        let call = call.body_limit(MACHINE_LIMIT);
        let answer = call.json(&body)?.send_raw(&self.client).await?;
        // Read twice instead of flattened: a flattened field is copied into a buffer that is not
        // wiped.
        let machine: Machine = serde_json::from_slice(&answer).map_err(AdminError::decode)?;
        let Secret { secret_key } = serde_json::from_slice(&answer).map_err(AdminError::decode)?;
        Ok(CreatedMachine {
            machine,
            secret_key,
        })
    }
}
