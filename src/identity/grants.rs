//! The scopes that this service grants to machines.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use super::M2mToken;
use crate::scope::Scopes;

/// The source of the scopes that machines have here.
#[derive(Debug, Default)]
pub(crate) enum ScopeGrants {
    /// No machine has any scope.
    #[default]
    Nothing,
    /// By machine id.
    Listed(HashMap<Box<str>, Arc<Scopes>>),
    /// By a function of the token.
    Function(GrantFn),
    /// The sender's own claims.
    Claims,
}

/// A function of the service that grants scopes.
#[derive(Clone)]
pub(crate) struct GrantFn(pub(crate) Arc<dyn Fn(&M2mToken) -> Scopes + Send + Sync>);

impl fmt::Debug for GrantFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GrantFn(…)")
    }
}

/// The scopes that were granted to one token when it was admitted.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Granted {
    #[default]
    Nothing,
    Scopes(Arc<Scopes>),
    /// The scopes in the token's own claims.
    Claimed,
}

impl ScopeGrants {
    /// Returns the scopes granted to a token. A table is not copied, and nothing is allocated.
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

/// Returns the empty set of scopes.
pub(super) fn no_scopes() -> &'static Scopes {
    static NONE: LazyLock<Scopes> = LazyLock::new(Scopes::default);
    &NONE
}
