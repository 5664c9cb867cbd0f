//! An M2M token: one machine of the instance calling another.

use std::sync::Arc;

use serde_json::Value;

use super::facts::{Facts, TokenFormat, shared_accessors};
use crate::scope::Scopes;

/// A verified M2M token.
#[derive(Debug, Clone, PartialEq)]
pub struct M2mToken(Arc<Inner>);

#[derive(Debug, PartialEq)]
struct Inner {
    facts: Facts,
    custom_scopes: Scopes,
}

shared_accessors!(M2mToken);

impl M2mToken {
    pub(crate) fn new(facts: Facts) -> Self {
        // Those of a JWT stand among its scopes already.
        let custom_scopes = match facts.format {
            TokenFormat::Jwt => Scopes::default(),
            TokenFormat::Opaque => custom_scopes(facts.raw_claims()),
        };
        Self(Arc::new(Inner {
            facts,
            custom_scopes,
        }))
    }

    /// Returns the machine (`mch_…`) that sent the token.
    #[must_use]
    pub fn machine_id(&self) -> &str {
        self.subject()
    }

    /// Tells whether the token carries a scope, in its scopes or in its custom claim `scopes`.
    ///
    /// # Security
    ///
    /// The sending machine chose its custom claims itself; see
    /// [`MachineAuth::has_scope`](super::MachineAuth::has_scope).
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().contains(scope) || self.0.custom_scopes.contains(scope)
    }
}

/// Reads the claim `scopes`, a list or a string, where the sender set one.
fn custom_scopes(claims: Option<&Value>) -> Scopes {
    match claims.and_then(|claims| claims.get("scopes")) {
        Some(Value::String(list)) => Scopes::parse(list),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Scopes::default(),
    }
}
