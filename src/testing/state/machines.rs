//! Machines, their scopes and their secrets.

use std::collections::{BTreeSet, HashMap};

use crate::testing::ids;
use crate::testing::refusal::Refusal;

/// How many machines one machine may reach.
pub(in crate::testing) const MAX_SCOPES: usize = 150;

/// A machine; times are Unix milliseconds, the time-to-live seconds.
#[derive(Clone)]
pub(in crate::testing) struct Machine {
    pub(in crate::testing) id: String,
    pub(in crate::testing) name: String,
    pub(in crate::testing) default_token_ttl: u64,
    pub(in crate::testing) created_at: u64,
    pub(in crate::testing) updated_at: u64,
    pub(in crate::testing) scopes: BTreeSet<String>,
    pub(in crate::testing) secret: String,
    pub(in crate::testing) sequence: u64,
}

/// The owner of a secret, and its expiry (`None` for the current one).
#[derive(Clone)]
struct SecretEntry {
    machine: String,
    valid_until: Option<u64>,
}

/// All machines of the instance.
#[derive(Clone, Default)]
pub(in crate::testing) struct Machines {
    by_id: HashMap<String, Machine>,
    by_secret: HashMap<String, SecretEntry>,
    next: u64,
}

impl Machines {
    pub(in crate::testing) fn create(
        &mut self,
        name: &str,
        scopes: BTreeSet<String>,
        default_token_ttl: u64,
        now: u64,
    ) -> Machine {
        let (id, secret) = (ids::word_id("mch"), ids::secret("ak"));
        self.create_as(id, secret, name, scopes, default_token_ttl, now)
    }

    /// Creates a machine with a given id and secret, which must not be in use.
    pub(in crate::testing) fn create_as(
        &mut self,
        id: String,
        secret: String,
        name: &str,
        scopes: BTreeSet<String>,
        default_token_ttl: u64,
        now: u64,
    ) -> Machine {
        let machine = Machine {
            id,
            name: name.to_owned(),
            default_token_ttl,
            created_at: now,
            updated_at: now,
            scopes,
            secret,
            sequence: self.next,
        };
        self.next += 1;
        self.add_secret(&machine.secret, &machine.id);
        self.by_id.insert(machine.id.clone(), machine.clone());
        machine
    }

    pub(in crate::testing) fn get(&self, id: &str) -> Result<&Machine, Refusal> {
        self.by_id
            .get(id)
            .ok_or_else(|| Refusal::machine_not_found(id))
    }

    /// Finds a machine by its id, or by its name if that is unique.
    pub(in crate::testing) fn find(&self, given: &str) -> Result<&Machine, Refusal> {
        if let Some(machine) = self.by_id.get(given) {
            return Ok(machine);
        }
        let named: Vec<_> = self.all().filter(|machine| machine.name == given).collect();
        match named.as_slice() {
            [machine] => Ok(machine),
            [] => Err(Refusal::machine_not_found(given)),
            more => {
                let why = format!("{} machines are named {given}; give an id", more.len());
                Err(Refusal::conflict(why))
            }
        }
    }

    pub(in crate::testing) fn get_mut(&mut self, id: &str) -> Result<&mut Machine, Refusal> {
        self.by_id
            .get_mut(id)
            .ok_or_else(|| Refusal::machine_not_found(id))
    }

    /// Returns `true` if a secret is, or was, one of a machine.
    pub(in crate::testing) fn has_secret(&self, secret: &str) -> bool {
        self.by_secret.contains_key(secret)
    }

    pub(in crate::testing) fn contains(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    pub(in crate::testing) fn all(&self) -> impl Iterator<Item = &Machine> {
        self.by_id.values()
    }

    /// Deletes a machine, its secrets, and all scopes that refer to it.
    pub(in crate::testing) fn delete(&mut self, id: &str) -> Result<(), Refusal> {
        self.by_id
            .remove(id)
            .ok_or_else(|| Refusal::machine_not_found(id))?;
        self.by_secret.retain(|_, entry| entry.machine != id);
        for machine in self.by_id.values_mut() {
            machine.scopes.remove(id);
        }
        Ok(())
    }

    /// Allows a machine to reach another one; the opposite direction is a separate scope.
    pub(in crate::testing) fn grant(
        &mut self,
        from: &str,
        to: &str,
        now: u64,
    ) -> Result<(), Refusal> {
        self.get(to)?;
        let machine = self.get_mut(from)?;
        if machine.scopes.contains(to) {
            return Err(Refusal::conflict(format!(
                "The machine already has access to {to}"
            )));
        }
        if machine.scopes.len() >= MAX_SCOPES {
            let why = format!("exceeds the maximum of {MAX_SCOPES} scopes for each machine");
            return Err(Refusal::param_invalid("to_machine_id", &why));
        }
        machine.scopes.insert(to.to_owned());
        machine.updated_at = now;
        Ok(())
    }

    pub(in crate::testing) fn revoke_grant(
        &mut self,
        from: &str,
        to: &str,
        now: u64,
    ) -> Result<(), Refusal> {
        let machine = self.get_mut(from)?;
        if !machine.scopes.remove(to) {
            return Err(Refusal::not_found("Machine scope"));
        }
        machine.updated_at = now;
        Ok(())
    }

    /// Replaces the secret; the previous one stays valid for `grace` seconds.
    pub(in crate::testing) fn rotate(
        &mut self,
        id: &str,
        grace: u64,
        now: u64,
    ) -> Result<String, Refusal> {
        let secret = ids::secret("ak");
        let before = std::mem::replace(&mut self.get_mut(id)?.secret, secret.clone());
        if let Some(entry) = self.by_secret.get_mut(&before) {
            entry.valid_until = Some(now.saturating_add(grace.saturating_mul(1000)));
        }
        self.add_secret(&secret, id);
        Ok(secret)
    }

    /// The owner of a secret, and whether it is the current one.
    pub(in crate::testing) fn by_secret(&self, secret: &str, now: u64) -> Option<(&Machine, bool)> {
        let entry = self.by_secret.get(secret)?;
        if entry.valid_until.is_some_and(|until| until <= now) {
            return None;
        }
        let machine = self.by_id.get(&entry.machine)?;
        Some((machine, entry.valid_until.is_none()))
    }

    fn add_secret(&mut self, secret: &str, id: &str) {
        let entry = SecretEntry {
            machine: id.to_owned(),
            valid_until: None,
        };
        self.by_secret.insert(secret.to_owned(), entry);
    }
}
