//! A machine as Clerk returns it.

use std::time::{Duration, SystemTime};

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::admin::wire;
use crate::backend::AdminError;
use crate::id::MachineId;
use crate::secret::MachineSecretKey;

/// A machine, and the machines that it may reach.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::admin::Machine;
///
/// let machine: Machine = serde_json::from_str(
///     r#"{"id": "mch_a", "name": "orders", "scoped_machines": [{"id": "mch_b"}]}"#,
/// )?;
/// assert!(machine.can_reach(&machine.scoped_machines[0].id));
/// assert!(!machine.can_reach(&machine.id));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Machine {
    /// Its identifier.
    pub id: MachineId,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// The Clerk instance to which it belongs.
    #[serde(default)]
    pub instance_id: String,
    /// The default lifetime of its tokens.
    #[serde(default, with = "wire::seconds")]
    pub default_token_ttl: Option<Duration>,
    /// The machines that it may reach.
    #[serde(default, deserialize_with = "scoped_machines")]
    pub scoped_machines: Vec<ScopedMachine>,
    /// When it was created.
    #[serde(default, with = "wire::time")]
    pub created_at: Option<SystemTime>,
    /// When it was last updated.
    #[serde(default, with = "wire::time")]
    pub updated_at: Option<SystemTime>,
}

/// A machine in the list of another one; Clerk does not include there what it may reach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ScopedMachine {
    /// Its identifier.
    pub id: MachineId,
    /// Its name.
    #[serde(default)]
    pub name: String,
}

/// A machine that was just created, with its secret.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CreatedMachine {
    /// The machine.
    pub machine: Machine,
    /// Its secret; [`Machines::get_secret_key`](super::Machines::get_secret_key) returns it again.
    pub secret_key: MachineSecretKey,
}

/// The members that the response to a lookup must have besides those of a [`Machine`].
///
/// The receiver check depends on it. A missing list is therefore not an empty one, and a response
/// about another machine decides nothing about this one.
#[derive(Deserialize)]
struct CacheState {
    object: String,
    id: MachineId,
    #[serde(rename = "scoped_machines")]
    _scoped_machines: IgnoredAny,
}

/// Parses the response to a lookup of this machine.
pub(super) fn found(answer: &[u8], asked: &MachineId) -> Result<Machine, AdminError> {
    let CacheState { object, id, .. } =
        serde_json::from_slice(answer).map_err(AdminError::decode)?;
    if object != "machine" || id != *asked {
        return Err(AdminError::about_another_object());
    }
    serde_json::from_slice(answer).map_err(AdminError::decode)
}

/// Skips entries without a valid machine id, so that one malformed entry does not hide the others.
fn scoped_machines<'de, D>(deserializer: D) -> Result<Vec<ScopedMachine>, D::Error>
where
    D: Deserializer<'de>,
{
    let entry = |entry: Value| {
        let text = |name| entry.get(name).and_then(Value::as_str);
        let id = MachineId::new(text("id")?).ok()?;
        let name = text("name").unwrap_or_default().to_owned();
        Some(ScopedMachine { id, name })
    };
    let entries = Vec::deserialize(deserializer)?;
    Ok(entries.into_iter().filter_map(entry).collect())
}

impl Machine {
    /// Returns `true` if this machine may reach the other one.
    #[must_use]
    pub fn can_reach(&self, other: &MachineId) -> bool {
        self.scoped_machines
            .iter()
            .any(|scoped| scoped.id == *other)
    }
}
