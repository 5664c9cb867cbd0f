//! The way of one token: class, accepted types, memory or proof, receiver, revocation.

use std::sync::Arc;

use tokio::time::Instant;

use super::cached::CacheLookup;
use super::forget::Forget;
use super::jwt::JwtVerdict;
use crate::admin::AdminClient;
use crate::cache::{Invalidations, KeyHasher, Lookup, VerdictCache};
use crate::clock::Clock;
use crate::error::{AuthError, Reason};
use crate::identity::{AuthenticatorId, MachineAuth, ScopeGrants, TokenFormat, UnixMillis};
use crate::jwt::JwtPolicy;
use crate::keys::KeyStore;
use crate::machine_secret::MachineSecret;
use crate::opaque::OpaqueVerifier;
use crate::receiver::Receiver;
use crate::revocation::Revocations;
use crate::secret::InstanceSecret;
use crate::tasks::{Tasks, Wait};
use crate::token::{Format, RawToken, TokenType, TokenTypes, classify};
use crate::upstream::UpstreamGuard;

/// Everything that is shared by the clones of an authenticator.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) id: AuthenticatorId,
    pub(crate) accepted: Accepted,
    pub(crate) max_token_len: usize,
    pub(crate) own: OwnSecrets,
    pub(crate) hasher: Arc<KeyHasher>,
    pub(crate) invalidations: Arc<Invalidations>,
    pub(crate) forget: Arc<Forget>,
    /// `None` where no JWT is accepted.
    pub(crate) keys: Option<KeyStore>,
    pub(crate) jwt_policy: JwtPolicy,
    pub(crate) jwts: VerdictCache<JwtVerdict>,
    pub(crate) opaque: Arc<OpaqueVerifier>,
    pub(crate) opaques: Arc<VerdictCache<MachineAuth>>,
    pub(crate) receiver: Arc<Receiver>,
    pub(crate) grants: ScopeGrants,
    pub(crate) revocations: Revocations,
    pub(crate) upstream: Arc<UpstreamGuard>,
    pub(crate) admin: Option<AdminClient>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Dropped with the last clone, and with it all that runs in the background.
    pub(crate) tasks: Tasks,
}

/// Accepted types, by the format of the token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepted {
    pub(crate) jwt: TokenTypes,
    pub(crate) opaque: TokenTypes,
}

impl Accepted {
    /// These types in every format.
    pub(crate) const fn in_every_format(types: TokenTypes) -> Self {
        Self {
            jwt: types,
            opaque: types,
        }
    }

    const fn and(self, other: Self) -> Self {
        Self {
            jwt: self.jwt.and(other.jwt),
            opaque: self.opaque.and(other.opaque),
        }
    }

    pub(super) const fn contains(self, format: TokenFormat, token_type: TokenType) -> bool {
        match format {
            TokenFormat::Jwt => self.jwt.contains(token_type),
            TokenFormat::Opaque => self.opaque.contains(token_type),
        }
    }
}

/// The secrets of this service, which are never accepted as tokens.
#[derive(Debug)]
pub(crate) struct OwnSecrets {
    pub(crate) instance: Option<InstanceSecret>,
    pub(crate) machine: Option<MachineSecret>,
}

impl OwnSecrets {
    /// Compares in constant time.
    pub(super) fn contains(&self, token: &[u8]) -> bool {
        self.machine
            .as_ref()
            .is_some_and(|secret| secret.ct_eq(token))
            || self
                .instance
                .as_ref()
                .is_some_and(|secret| secret.ct_eq(token))
    }
}

impl Core {
    /// Decides on a token at once where nobody has to be asked.
    pub(super) fn authenticate(
        self: &Arc<Self>,
        token: RawToken<'_>,
        lookup: &CacheLookup,
        accept: Accepted,
    ) -> Lookup<MachineAuth> {
        let accept = accept.and(self.accepted);
        if let Some(lookup) = self.cached(lookup, accept) {
            return lookup;
        }
        let Ok(token) = token.parse() else {
            return reject(Reason::Malformed);
        };
        match classify(token) {
            None => reject(Reason::UnknownClass),
            Some(Format::Jwt) => self.jwt(token, lookup, accept.jwt),
            Some(Format::Opaque(_)) if self.own.contains(token.as_bytes()) => {
                reject(Reason::OwnSecret)
            }
            Some(Format::Opaque(token_type)) => {
                if accept.opaque.contains(token_type) {
                    self.opaque(token_type, token, lookup)
                } else {
                    reject(Reason::TypeNotAccepted)
                }
            }
        }
    }

    /// Grants what this service grants to the sender, as the last step of every admission.
    pub(super) fn with_granted_scopes(&self, mut auth: MachineAuth) -> MachineAuth {
        if let MachineAuth::M2m(token) = &mut auth {
            token.grant(&self.grants);
        }
        auth
    }

    /// Returns what a request is given that has to wait, with its deadline where it has one already.
    pub(super) const fn wait(&self, deadline: Option<Instant>) -> Wait<'_> {
        Wait {
            tasks: &self.tasks,
            deadline,
        }
    }

    /// Checks what may have changed since the token was verified.
    pub(super) fn check_now(&self, auth: &MachineAuth, leeway: UnixMillis) -> Result<(), Reason> {
        let now = || UnixMillis::from_duration(self.clock.unix_time());
        let is_over = |end: UnixMillis| end.plus(leeway) <= now();
        if auth.expiry().is_some_and(is_over) {
            return Err(Reason::Expired);
        }
        if self.revocations.refuse(auth) {
            return Err(Reason::Revoked);
        }
        Ok(())
    }
}

pub(super) fn reject<V>(reason: Reason) -> Lookup<V> {
    Lookup::Ready(Err(AuthError::from(reason)))
}
