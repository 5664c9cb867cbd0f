//! Logs one line when an authenticator is built: what it accepts, and from whom.

use super::checked::{Binding, Identity, KeyOrigin};
use crate::authenticator::Accepted;
use crate::token::{TokenType, TokenTypes};

/// Logs the effect of the settings. Without it, a type that is not accepted, or a list of senders that
/// was meant for another machine, only shows as a 401 to every caller.
pub(super) fn announce(identity: &Identity, accepted: Accepted, binding: &Binding) {
    let machine = identity.me.as_ref().map_or("unknown", |me| me.as_str());
    tracing::info!(
        jwt = %names(accepted.jwt),
        opaque = %names(accepted.opaque),
        keys = %keys(identity, accepted),
        senders = %senders(identity, accepted, binding),
        %machine,
        "machine tokens are accepted"
    );
}

fn names(types: TokenTypes) -> String {
    if types.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<_> = types.iter().map(TokenType::as_str).collect();
    names.join(", ")
}

fn keys(identity: &Identity, accepted: Accepted) -> String {
    match &identity.keys {
        _ if accepted.jwt.is_empty() => "none".to_owned(),
        None => "none".to_owned(),
        Some(KeyOrigin::Pinned(_)) => "jwt_key".to_owned(),
        Some(KeyOrigin::Backend) => "the Backend API".to_owned(),
        Some(KeyOrigin::Public(url)) => format!("the public key set at {url}"),
    }
}

fn senders(identity: &Identity, accepted: Accepted, binding: &Binding) -> String {
    let takes_jwt = accepted.jwt.contains(TokenType::M2m);
    let takes_opaque = accepted.opaque.contains(TokenType::M2m);
    match binding {
        _ if !takes_jwt && !takes_opaque => "none".to_owned(),
        Binding::Registry(_) => "those that Clerk's registry lets call this machine".to_owned(),
        Binding::Listed(senders) => format!("the {} of allow_senders", senders.len()),
        Binding::Any => "every machine of the instance (any_sender)".to_owned(),
        Binding::ScopeClaims if takes_jwt => {
            "those whose tokens name this machine (trust_scope_claims)".to_owned()
        }
        Binding::ScopeClaims if identity.secrets.machine.is_some() => {
            "those that Clerk lets reach the machine of the machine secret".to_owned()
        }
        Binding::ScopeClaims => "those that Clerk lets reach this machine".to_owned(),
    }
}
