//! Changing a machine.

use std::time::Duration;

use http::Method;
use serde::Serialize;

use super::model::Machine;
use crate::admin::client::AdminClient;
use crate::admin::input;
use crate::backend::AdminError;
use crate::id::MachineId;
use crate::transport::MACHINE_LIMIT;

/// A request to change a machine; see [`Machines::update`](super::Machines::update).
#[derive(Debug, Clone)]
#[must_use = "nothing is sent before `send` is called"]
pub struct UpdateMachine {
    client: AdminClient,
    id: MachineId,
    name: Option<String>,
    default_token_ttl: Option<Duration>,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_token_ttl: Option<u64>,
}

impl UpdateMachine {
    pub(super) fn new(client: &AdminClient, id: &MachineId) -> Self {
        Self {
            client: client.clone(),
            id: id.clone(),
            name: None,
            default_token_ttl: None,
        }
    }

    /// Sets the name (1 to 255 characters).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the default lifetime of tokens that are created from now on: whole seconds, from one
    /// second to ten years.
    pub const fn default_token_ttl(mut self, ttl: Duration) -> Self {
        self.default_token_ttl = Some(ttl);
        self
    }

    /// Changes the machine.
    ///
    /// # Errors
    ///
    /// Fails without a call if the name or the lifetime is out of bounds, and otherwise as
    /// described in [`AdminErrorKind`](crate::AdminErrorKind).
    pub async fn send(self) -> Result<Machine, AdminError> {
        if let Some(name) = &self.name {
            input::machine_name(name)?;
        }
        let body = Body {
            name: self.name.as_deref(),
            default_token_ttl: input::optional(self.default_token_ttl, input::default_token_ttl)?,
        };
        let path = [super::MACHINES, self.id.as_str()];
        let call = self.client.write(Method::PATCH, &path).json(&body)?;
        call.body_limit(MACHINE_LIMIT).send(&self.client).await
    }
}
