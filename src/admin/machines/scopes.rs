//! Who may reach whom.

use std::time::SystemTime;

use http::Method;
use serde::{Deserialize, Serialize};

use super::{MACHINES, Machines};
use crate::admin::wire::{self, Gone};
use crate::backend::AdminError;
use crate::id::MachineId;

/// That one machine may reach another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MachineScope {
    /// The machine that calls.
    pub from_machine_id: MachineId,
    /// The machine that is called.
    pub to_machine_id: MachineId,
    /// Since when.
    #[serde(default, with = "wire::time")]
    pub created_at: Option<SystemTime>,
}

#[derive(Serialize)]
struct Body<'a> {
    to_machine_id: &'a MachineId,
}

impl Machines<'_> {
    /// Lets the machine `from` reach the machine `to`; at most 150 for each `from`.
    ///
    /// Opaque tokens that exist already keep the scopes they were created with.
    ///
    /// # Errors
    ///
    /// As every call may; a conflict if the scope is there already.
    pub async fn create_scope(
        self,
        from: &MachineId,
        to: &MachineId,
    ) -> Result<MachineScope, AdminError> {
        let eviction = self.client.invalidate_subject(from.as_str());
        let path = [MACHINES, from.as_str(), "scopes"];
        let body = Body { to_machine_id: to };
        let call = self.client.write(Method::POST, &path).json(&body)?;
        eviction.after(call.send(self.client).await)
    }

    /// No longer lets the machine `from` reach the machine `to`.
    ///
    /// InvalidationTarget the verifier knows of `from` is forgotten at once. Opaque tokens that exist already
    /// keep the scopes they were created with; revoke them too if they must not be used any more.
    ///
    /// # Errors
    ///
    /// As every call may; [`AdminError::is_not_found`] if there is no such scope.
    pub async fn delete_scope(self, from: &MachineId, to: &MachineId) -> Result<(), AdminError> {
        let eviction = self.client.invalidate_subject(from.as_str());
        let path = [MACHINES, from.as_str(), "scopes", to.as_str()];
        let call = self.client.write(Method::DELETE, &path);
        eviction.after(call.send(self.client).await).map(Gone::into)
    }
}
