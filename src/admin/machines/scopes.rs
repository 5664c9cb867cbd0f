//! Scopes: which machine may reach which.

use std::time::SystemTime;

use http::Method;
use serde::{Deserialize, Serialize};

use super::{MACHINES, Machines};
use crate::admin::wire::{self, Gone};
use crate::backend::AdminError;
use crate::id::MachineId;

/// A scope that allows one machine to reach another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MachineScope {
    /// The machine that calls.
    pub from_machine_id: MachineId,
    /// The machine that is called.
    pub to_machine_id: MachineId,
    /// When it was created.
    #[serde(default, with = "wire::time")]
    pub created_at: Option<SystemTime>,
}

#[derive(Serialize)]
struct Body<'a> {
    to_machine_id: &'a MachineId,
}

impl Machines<'_> {
    /// Allows the machine `from` to reach the machine `to`; at most 150 scopes for each `from`.
    ///
    /// Existing opaque tokens keep the scopes that they were created with.
    ///
    /// # Errors
    ///
    /// Fails as described in [`AdminErrorKind`](crate::AdminErrorKind), and with a conflict if the
    /// scope already exists.
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

    /// Removes the scope that allows the machine `from` to reach the machine `to`.
    ///
    /// Cached verdicts on `from` are invalidated in this process. Existing opaque tokens keep the scopes
    /// that they were created with; revoke them, too, if they must not be used any more.
    ///
    /// # Errors
    ///
    /// Fails as described in [`AdminErrorKind`](crate::AdminErrorKind).
    /// [`AdminError::is_not_found`] returns `true` if there is no such scope.
    pub async fn delete_scope(self, from: &MachineId, to: &MachineId) -> Result<(), AdminError> {
        let eviction = self.client.invalidate_subject(from.as_str());
        let path = [MACHINES, from.as_str(), "scopes", to.as_str()];
        let call = self.client.write(Method::DELETE, &path);
        eviction.after(call.send(self.client).await).map(Gone::into)
    }
}
