//! Makes this process a member of a fleet.

use std::sync::Arc;

use super::checked::Identity;
use super::settings::Settings;
use crate::cache::{Invalidations, KeyHasher};
use crate::config::BuildError;
use crate::fleet::{Fleet, FleetKeys, Replica, ReplicaParts, SharedBudget};

/// A fleet whose keys are known.
pub(super) struct FleetMember {
    fleet: Fleet,
    keys: Vec<FleetKeys>,
    first: Arc<KeyHasher>,
}

impl Settings {
    /// Returns the fleet that was set, or the one that the environment names.
    pub(super) fn fleet(&self, identity: &Identity) -> Result<Option<FleetMember>, BuildError> {
        let from_env = || self.fleet_variables.fleet();
        let Some(fleet) = self
            .fleet
            .clone()
            .map_or_else(from_env, |fleet| Ok(Some(fleet)))?
        else {
            return Ok(None);
        };
        let keys = fleet.keys(identity.api.as_str(), identity.secrets.instance.as_ref())?;
        let first = keys.first().map(FleetKeys::hasher);
        Ok(first.map(|first| FleetMember { fleet, keys, first }))
    }
}

impl FleetMember {
    /// Hashes tokens as all members do.
    pub(super) fn hasher(&self) -> Arc<KeyHasher> {
        Arc::clone(&self.first)
    }

    pub(super) fn join(
        self,
        settings: &Settings,
        invalidations: &Arc<Invalidations>,
    ) -> Result<Arc<Replica>, BuildError> {
        let budget = settings.call_budget();
        let parts = ReplicaParts {
            store: self.fleet.store(),
            keys: self.keys,
            invalidations: Arc::clone(invalidations),
            ttl: settings.opaque,
            budget: SharedBudget {
                total: budget.total.into(),
                unknown: budget.unknown.into(),
                burst: budget.burst.into(),
            },
            timeout: settings.timeout,
            clock: Arc::clone(&settings.clock),
        };
        Replica::new(parts).ok_or_else(BuildError::no_randomness)
    }
}
