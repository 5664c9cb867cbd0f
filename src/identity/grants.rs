//! The scopes that this service grants to machines.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use super::M2mToken;
use crate::scope::Scopes;

/// What decides which scopes the token of a machine has here.
#[derive(Debug, Default)]
pub(crate) enum ScopeGrants {
    /// No machine has any.
    #[default]
    Nothing,
    /// By machine id.
    Listed(HashMap<Box<str>, Arc<Scopes>>),
    /// By a function of the token.
    Function(GrantFn),
    /// Whatever the sender wrote into the token.
    Claims,
}

/// A function of the service's own that grants scopes.
#[derive(Clone)]
pub(crate) struct GrantFn(pub(crate) Arc<dyn Fn(&M2mToken) -> Scopes + Send + Sync>);

impl fmt::Debug for GrantFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GrantFn(…)")
    }
}

/// The scopes that were granted to one token when it was let in.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Granted {
    #[default]
    Nothing,
    Scopes(Arc<Scopes>),
    /// Those of its own claims.
    Claimed,
}

impl ScopeGrants {
    /// Looks up what a token is granted; a table is not copied and allocates nothing.
    pub(super) fn of(&self, token: &M2mToken) -> Granted {
        match self {
            Self::Nothing => Granted::Nothing,
            Self::Listed(machines) => match machines.get(token.machine_id()) {
                Some(scopes) => Granted::Scopes(Arc::clone(scopes)),
                None => Granted::Nothing,
            },
            Self::Function(GrantFn(grant)) => Granted::Scopes(grant(token).into()),
            Self::Claims => Granted::Claimed,
        }
    }
}

/// Returns the scopes of those who have none.
pub(super) fn no_scopes() -> &'static Scopes {
    static NONE: LazyLock<Scopes> = LazyLock::new(Scopes::default);
    &NONE
}
