//! Settings for the scopes of machines.

use std::collections::HashMap;
use std::sync::Arc;

use super::{AuthenticatorBuilder, BuildError};
use crate::id::MachineId;
use crate::identity::{GrantFn, M2mToken, ScopeGrants};
use crate::scope::{Scopes, check_list};

/// The source of grants to machines, as configured.
#[derive(Debug, Clone, Default)]
pub(super) struct GrantSettings {
    listed: Vec<(String, Vec<String>)>,
    function: Option<GrantFn>,
    trust_claims: bool,
}

impl AuthenticatorBuilder {
    /// Grants scopes to a machine (`mch_…`); can be called several times, also for the same
    /// machine.
    ///
    /// [`RequireScopes`](crate::RequireScopes),
    /// [`require_scopes`](crate::ClerkMachineAuth::require_scopes) and
    /// [`MachineAuth::has_scope`](crate::MachineAuth::has_scope) check the granted scopes of an M2M
    /// token. Without a grant, a machine has no scopes, because Clerk lets every machine write
    /// anything into the `scopes` claim of its own tokens. API keys and OAuth tokens need no grant:
    /// Clerk vouches for their scopes.
    ///
    /// # Examples
    ///
    /// ```
    /// use clerk_machine_auth::Authenticator;
    ///
    /// let clerk = Authenticator::builder()
    ///     .secret_key("sk_test_4f8a")
    ///     .machine_id("mch_2xhFjEI5X2qWRvtV13BzSj8H6Dk")
    ///     .grant_scopes("mch_2yhFjEI5X2qWRvtV13BzSj8H6Dk", ["reports:read"])
    ///     .grant_scopes("mch_2zhFjEI5X2qWRvtV13BzSj8H6Dk", ["reports:read", "reports:write"])
    ///     .build()?;
    /// # Ok::<(), clerk_machine_auth::BuildError>(())
    /// ```
    pub fn grant_scopes<S: Into<String>>(
        mut self,
        machine: impl Into<String>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        self.settings.grants.listed.push((machine.into(), scopes));
        self
    }

    /// Sets a function that grants scopes to machines, such as a lookup in a table that changes at
    /// run time.
    ///
    /// It is called for every request with an M2M token that may reach this machine, so it should
    /// be fast and must not block. It gets the verified token, without granted scopes.
    ///
    /// # Security
    ///
    /// Decide by [`M2mToken::machine_id`]. The [`claims`](M2mToken::claims) of the token and, for a
    /// JWT, its [`scopes`](M2mToken::scopes) are chosen by its sender.
    ///
    /// # Examples
    ///
    /// ```
    /// use clerk_machine_auth::{Authenticator, Scopes};
    ///
    /// let clerk = Authenticator::builder()
    ///     .secret_key("sk_test_4f8a")
    ///     .machine_id("mch_2xhFjEI5X2qWRvtV13BzSj8H6Dk")
    ///     .grant_scopes_with(|token| match token.machine_id() {
    ///         "mch_2yhFjEI5X2qWRvtV13BzSj8H6Dk" => Scopes::parse("reports:read"),
    ///         _ => Scopes::default(),
    ///     })
    ///     .build()?;
    /// # Ok::<(), clerk_machine_auth::BuildError>(())
    /// ```
    pub fn grant_scopes_with(
        mut self,
        grant: impl Fn(&M2mToken) -> Scopes + Send + Sync + 'static,
    ) -> Self {
        self.settings.grants.function = Some(GrantFn(Arc::new(grant)));
        self
    }

    /// Trusts the `scopes` claim of M2M tokens.
    ///
    /// # Security
    ///
    /// The sending machine chooses that claim. Every machine that may call this service can give
    /// itself every scope, so a route that requires a scope is open to all of them. Use this only
    /// if all machines that may call are fully trusted, and scopes merely express what they intend.
    pub fn trust_m2m_scope_claims(mut self) -> Self {
        self.settings.grants.trust_claims = true;
        self
    }
}

impl GrantSettings {
    pub(super) fn checked(self) -> Result<ScopeGrants, BuildError> {
        match (self.listed.is_empty(), self.function, self.trust_claims) {
            (true, None, false) => Ok(ScopeGrants::Nothing),
            (true, None, true) => Ok(ScopeGrants::Claims),
            (true, Some(grant), false) => Ok(ScopeGrants::Function(grant)),
            (false, None, false) => listed(self.listed),
            (_, _, true) => Err(BuildError::new("trust_m2m_scope_claims", OPEN_TO_ALL)),
            (false, Some(_), false) => Err(BuildError::new("grant_scopes_with", TWO_SOURCES)),
        }
    }
}

const OPEN_TO_ALL: &str = "with it every machine gives itself any scope, so grant_scopes and \
    grant_scopes_with restrict nothing; leave one of them out";
const TWO_SOURCES: &str = "grant_scopes is set too; grant all scopes by one of them";

/// Collects the grants by machine. Several calls for one machine add up.
fn listed(grants: Vec<(String, Vec<String>)>) -> Result<ScopeGrants, BuildError> {
    let mut machines = HashMap::<Box<str>, Vec<String>>::new();
    for (machine, scopes) in grants {
        let problem = |error: &dyn std::fmt::Display| BuildError::new("grant_scopes", error);
        let machine = MachineId::new(machine).map_err(|error| problem(&error))?;
        check_list(&scopes).map_err(|error| problem(&error))?;
        let machine = Box::from(machine.as_str());
        machines.entry(machine).or_default().extend(scopes);
    }
    let shared = |(machine, scopes)| (machine, Arc::new(Scopes::from_iter::<Vec<String>>(scopes)));
    Ok(ScopeGrants::Listed(
        machines.into_iter().map(shared).collect(),
    ))
}
