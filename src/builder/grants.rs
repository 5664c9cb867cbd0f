//! Settings of the scopes that machines have here.

use std::collections::HashMap;
use std::sync::Arc;

use super::{AuthenticatorBuilder, BuildError};
use crate::id::MachineId;
use crate::identity::{GrantFn, M2mToken, ScopeGrants};
use crate::scope::{Scopes, check_list};

/// Who grants scopes to machines, as it was given.
#[derive(Debug, Clone, Default)]
pub(super) struct GrantSettings {
    listed: Vec<(String, Vec<String>)>,
    function: Option<GrantFn>,
    trust_claims: bool,
}

impl AuthenticatorBuilder {
    /// Grants scopes to a machine (`mch_…`); may be called for several machines, and more than once
    /// for one.
    ///
    /// They are what [`RequireScopes`](crate::RequireScopes),
    /// [`require_scopes`](crate::ClerkMachineAuth::require_scopes) and
    /// [`MachineAuth::has_scope`](crate::MachineAuth::has_scope) look for in an M2M token. Without a
    /// grant a machine has no scope at all, since Clerk lets every machine write what it likes into
    /// the claim `scopes` of its own tokens. API keys and OAuth tokens need no grant: Clerk vouches
    /// for their scopes.
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

    /// Grants scopes to machines by a function of the token, such as a look-up in a table that
    /// changes while the service runs.
    ///
    /// It is called for every request with an M2M token that may reach this machine, so it should
    /// be fast and must not block. It is given the token as Clerk vouches for it, without any
    /// scope granted.
    ///
    /// # Security
    ///
    /// Decide by [`M2mToken::machine_id`]. What else the token says, its
    /// [`claims`](M2mToken::claims) and, for a JWT, its [`scopes`](M2mToken::scopes), its sender
    /// chose.
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

    /// Takes the scopes of an M2M token from its own claim `scopes`.
    ///
    /// # Security
    ///
    /// The sending machine wrote that claim. Every machine that may call this service can so give
    /// itself every scope: a route that asks for one is then open to all of them. Right only where
    /// all machines that may call are trusted with everything, and scopes tell what they intend.
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

/// Collects the grants by machine; those of several calls for one machine add up.
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
