//! What an outer layer left in a request for inner layers.

use http::Extensions;

use crate::cache::CacheKey;
use crate::identity::{Admitted, Anonymous, AuthenticatorId, MachineAuth, Origin};

/// The cache key of the token that an outer layer verified and left in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forwarded(pub(super) CacheKey);

/// Marks a request whose bearer token is not a machine token, in its extensions: a layer with
/// [`pass_other_tokens`](super::ClerkMachineAuth::pass_other_tokens) left it for another layer.
///
/// There is no identity, and nobody has verified the token yet.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::middleware::OtherToken;
///
/// fn is_left_to_us<B>(request: &http::Request<B>) -> bool {
///     request.extensions().get::<OtherToken>().is_some()
/// }
/// assert!(!is_left_to_us(&http::Request::new(())));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct OtherToken(());

/// What the layers outside of one have said of a request.
#[derive(Debug)]
pub(super) enum Outer {
    /// No outer layer that counts here.
    Nothing,
    /// A layer of the same authenticator admitted the request without a token.
    Anonymous,
    /// A layer of the same authenticator authenticated the request.
    Identity(MachineAuth, Option<Forwarded>),
    /// A layer of another authenticator authenticated the request.
    Foreign,
}

/// Removes every identity from a request, and returns what an outer layer decided.
///
/// # Security
///
/// An identity counts only if the marker of a layer is in this very request, together with the id of
/// the authenticator whose layer inserted it. An identity that was verified by hand, or copied from
/// another request, does not count.
pub(super) fn take_outer(extensions: &mut Extensions, ours: AuthenticatorId) -> Outer {
    if extensions.is_empty() {
        return Outer::Nothing;
    }
    let anonymous = extensions.remove::<Anonymous>();
    extensions.remove::<OtherToken>();
    let forwarded = extensions.remove::<Forwarded>();
    let is_admitted = extensions.remove::<Admitted>().is_some();
    match extensions.remove::<MachineAuth>() {
        Some(auth) if is_admitted => match auth.origin() {
            Origin { by: Some(id), .. } if id == ours => Outer::Identity(auth, forwarded),
            Origin { by: Some(_), .. } => Outer::Foreign,
            Origin { by: None, .. } => Outer::Nothing,
        },
        _ if anonymous.is_some_and(|Anonymous(id)| id == ours) => Outer::Anonymous,
        _ => Outer::Nothing,
    }
}

/// Inserts an identity into a request, for the handler and for inner layers.
pub(super) fn insert_identity(
    extensions: &mut Extensions,
    mut auth: MachineAuth,
    by: AuthenticatorId,
) {
    auth.set_origin(Origin {
        by: Some(by),
        ..auth.origin()
    });
    extensions.insert(auth);
    extensions.insert(Admitted);
}

/// Marks a request that was admitted without an identity.
pub(super) fn insert_anonymous(
    extensions: &mut Extensions,
    by: AuthenticatorId,
    has_other_token: bool,
) {
    extensions.insert(Anonymous(by));
    if has_other_token {
        extensions.insert(OtherToken(()));
    }
}
