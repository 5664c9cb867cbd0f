//! Assembles an authenticator from checked settings.

use std::sync::Arc;
use std::time::Duration;

use super::announce::announce;
use super::bounds::check_bounds;
use super::checked::{Binding, Identity, KeyOrigin};
use super::fleet::FleetMember;
use super::settings::Settings;
use crate::admin::{AdminClient, AdminParts, MayRetry};
use crate::authenticator::{Accepted, Authenticator, Core};
use crate::cache::{Invalidations, KeyHasher, Priority, Ttl, VerdictCache, VerdictCacheConfig};
use crate::config::BuildError;
use crate::fleet::Replica;
use crate::identity::{AuthenticatorId, ScopeGrants, UnixMillis};
use crate::jwt::{Audience, Clients, JwtPolicy, JwtVerifier};
use crate::keys::{KeySource, KeyStore};
use crate::opaque::{KnownTokens, LoadQueue, OpaquePolicy, OpaqueVerifier, SharedAnswers};
use crate::receiver::{Receiver, Registry, RegistryParts, SenderRule};
use crate::resource::ProtectedResource;
use crate::revocation::Revocations;
use crate::stats::{CallCounters, Counters};
use crate::tasks::Tasks;
use crate::transport::{RetryPolicy, Transport};
use crate::upstream::UpstreamGuard;

/// The timeout of the admin client. No incoming request waits for it, so it may take longer than a
/// verification.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How the memory for valid verdicts is divided. An opaque token may have 64 KiB of claims, and a JWT 8
/// KiB. The registry's verdicts are short identifiers.
const OPAQUE_EIGHTHS: u64 = 4;
const JWT_EIGHTHS: u64 = 3;
const REGISTRY_EIGHTHS: u64 = 1;

/// What several parts share.
struct Shared {
    settings: Settings,
    identity: Identity,
    transport: Transport,
    upstream: Arc<UpstreamGuard>,
    invalidations: Arc<Invalidations>,
    hasher: Arc<KeyHasher>,
    fleet: Option<Arc<Replica>>,
    counters: Arc<Counters>,
}

pub(super) fn authenticator(settings: Settings) -> Result<Authenticator, BuildError> {
    check_bounds(&settings)?;
    let identity = Identity::of(&settings)?;
    let accepted = identity.accepted(settings.accept)?;
    let binding = identity.binding(accepted, settings.senders.clone())?;
    let grants = settings.grants.clone().checked()?;
    introduce(&settings.resources, identity.issuer.as_deref())?;
    let shared = Shared::new(settings, identity)?;
    announce(&shared.identity, accepted, &binding);
    Ok(Authenticator::new(shared.core(accepted, binding, grants)))
}

/// Sets the issuer of tokens for resources. A client has to learn it from either of them.
fn introduce(resources: &[ProtectedResource], issuer: Option<&str>) -> Result<(), BuildError> {
    const UNKNOWN: &str = "no authorization server is known; set publishable_key \
        (CLERK_PUBLISHABLE_KEY) or issuer, or name it with `authorization_server`";
    for resource in resources {
        resource.learn_issuer(issuer);
        if !resource.has_authorization_server() {
            return Err(BuildError::new("resource", UNKNOWN));
        }
    }
    Ok(())
}

impl Shared {
    fn new(settings: Settings, identity: Identity) -> Result<Self, BuildError> {
        let transport = match &settings.http {
            Some(client) => Transport::with_client(client.clone()),
            None => Transport::new(settings.connect_timeout),
        };
        let member = settings.fleet(&identity)?;
        let hasher = member.as_ref().map(FleetMember::hasher);
        let hasher = hasher.or_else(|| KeyHasher::new().map(Arc::new));
        let hasher = hasher.ok_or_else(BuildError::no_randomness)?;
        let clock = Arc::clone(&settings.clock);
        let invalidations = Arc::new(Invalidations::new(Arc::clone(&hasher)));
        let fleet = member.map(|member| member.join(&settings, &invalidations));
        let fleet = fleet.transpose()?;
        let upstream = UpstreamGuard::new(settings.call_budget(), settings.in_flight, clock);
        Ok(Self {
            upstream: Arc::new(upstream.with_fleet(fleet.clone())),
            settings,
            identity,
            transport,
            invalidations,
            hasher,
            fleet,
            counters: Arc::default(),
        })
    }

    fn core(mut self, accepted: Accepted, binding: Binding, grants: ScopeGrants) -> Core {
        let (admin, tasks) = (self.admin(), Arc::new(Tasks::new(self.settings.timeout)));
        let receiver = Arc::new(self.receiver(binding, admin.as_ref()));
        Core {
            id: AuthenticatorId::next(),
            accepted,
            max_token_len: self.settings.max_token_len,
            own: self.identity.secrets.clone(),
            hasher: Arc::clone(&self.hasher),
            invalidations: Arc::clone(&self.invalidations),
            jwt: self.jwt(accepted, &tasks).map(Arc::new),
            opaque: Arc::new(self.opaque(Arc::clone(&receiver))),
            receiver,
            issuer: self.identity.issuer.clone(),
            skew: UnixMillis::from_duration(self.settings.skew),
            grants,
            revocations: Revocations::new(
                Arc::clone(&self.hasher),
                Arc::clone(&self.settings.clock),
            )
            .shared(self.fleet.clone()),
            upstream: Arc::clone(&self.upstream),
            counters: Arc::clone(&self.counters),
            admin,
            clock: Arc::clone(&self.settings.clock),
            fleet: self.fleet.clone(),
            tasks,
        }
    }

    fn verdict_cache<V>(&self, ttl: Ttl, rejected_capacity: u64, eighths: u64) -> VerdictCache<V>
    where
        V: Clone + crate::cache::CacheValue + Send + Sync + 'static,
    {
        let config = VerdictCacheConfig {
            ttl,
            valid_capacity: self.settings.capacity,
            valid_bytes: (self.settings.valid_bytes() / 8).saturating_mul(eighths),
            rejected_capacity,
        };
        VerdictCache::new(
            config,
            Arc::clone(&self.invalidations),
            Arc::clone(&self.settings.clock),
        )
    }

    /// Returns the TTL of JWT verdicts. A JWT is verified without a call, so its verdict is neither
    /// refreshed nor used stale.
    fn jwt_ttl(&self) -> Ttl {
        Ttl {
            fresh: self.settings.jwt_verdict,
            renewed: false,
            jitter: 0.0,
            stale_if_error: Duration::ZERO,
            negative: Duration::ZERO,
        }
    }

    fn admin(&self) -> Option<AdminClient> {
        let identity = &self.identity;
        if identity.secrets.is_empty() {
            return None;
        }
        Some(AdminClient::from_parts(AdminParts {
            transport: self.transport.clone(),
            api: identity.api.clone(),
            secrets: identity.secrets.clone(),
            invalidate: Some(Arc::clone(&self.invalidations) as _),
            clock: Arc::clone(&self.settings.clock),
            read: RetryPolicy::safe(ADMIN_TIMEOUT),
            write: RetryPolicy::once(ADMIN_TIMEOUT),
            may_retry: MayRetry::default(),
            calls: None,
        }))
    }

    fn jwt(&mut self, accepted: Accepted, tasks: &Arc<Tasks>) -> Option<JwtVerifier> {
        Some(JwtVerifier {
            keys: self.keys(accepted)?,
            policy: self.jwt_policy(),
            cache: self.verdict_cache(self.jwt_ttl(), 0, JWT_EIGHTHS),
            hasher: Arc::clone(&self.hasher),
            clock: Arc::clone(&self.settings.clock),
            tasks: Arc::clone(tasks),
        })
    }

    fn keys(&mut self, accepted: Accepted) -> Option<KeyStore> {
        let origin = self.identity.keys.take()?;
        if accepted.jwt.is_empty() {
            return None;
        }
        let (url, secret) = match origin {
            KeyOrigin::Pinned(set) => return Some(KeyStore::fixed(set)),
            KeyOrigin::Public(url) => (url, None),
            KeyOrigin::Backend => {
                let url = self.identity.api.join(&["v1", "jwks"]);
                (url, self.identity.secrets.instance.clone())
            }
        };
        let retry = RetryPolicy::verification(self.settings.timeout);
        let source = KeySource::new(self.transport.clone(), url, secret, retry, self.calls());
        let clock = Arc::clone(&self.settings.clock);
        Some(KeyStore::published(source, self.settings.keys, clock))
    }

    fn calls(&self) -> Arc<CallCounters> {
        Arc::clone(&self.counters.calls)
    }

    fn audience(&self) -> Audience {
        let resources = self.settings.resources.iter();
        Audience::new(&self.settings.audience).with_resources(resources.map(ProtectedResource::url))
    }

    fn jwt_policy(&self) -> JwtPolicy {
        JwtPolicy {
            issuer: self.identity.issuer.clone(),
            audience: self.audience(),
            clients: Clients::new(self.settings.clients.as_deref()),
            skew: self.settings.skew,
            max_lifetime: self.settings.max_jwt_lifetime,
            require_cat: self.settings.require_cat,
        }
    }

    fn opaque(&self, receiver: Arc<Receiver>) -> OpaqueVerifier {
        let settings = &self.settings;
        let subjects = settings.api_key_subjects.iter();
        OpaqueVerifier {
            cache: Arc::new(self.verdict_cache(
                settings.opaque,
                settings.negative_capacity,
                OPAQUE_EIGHTHS,
            )),
            transport: self.transport.clone(),
            calls: self.calls(),
            api: self.identity.api.clone(),
            secrets: self.identity.secrets.clone(),
            load_queue: LoadQueue::default(),
            upstream: Arc::clone(&self.upstream),
            policy: OpaquePolicy {
                api_key_subjects: subjects.map(|prefix| prefix.as_str().into()).collect(),
                audience: self.audience(),
                clients: Clients::new(settings.clients.as_deref()),
            },
            receiver,
            known: KnownTokens::new(settings.capacity),
            timeout: settings.timeout,
            clock: Arc::clone(&settings.clock),
            fleet: self.fleet.clone().map(|replica| SharedAnswers {
                replica,
                me: self.identity.me.clone(),
            }),
        }
    }

    fn receiver(&self, binding: Binding, admin: Option<&AdminClient>) -> Receiver {
        let rule = match (binding, admin) {
            (Binding::Registry(me), Some(admin)) => self.registry(me, admin),
            (Binding::Listed(senders), _) => SenderRule::Listed(senders),
            (Binding::Any, _) => SenderRule::Any,
            (Binding::ScopeClaims | Binding::Registry(_), _) => SenderRule::ScopeClaims,
        };
        Receiver {
            me: self.identity.me.clone(),
            rule,
        }
    }

    fn registry(&self, me: crate::id::MachineId, admin: &AdminClient) -> SenderRule {
        let timeout = self.settings.timeout;
        let upstream = Arc::clone(&self.upstream);
        let may_retry = MayRetry::new(move || upstream.may_retry(Priority::Revalidation));
        SenderRule::Registry(Arc::new(Registry::new(RegistryParts {
            me,
            admin: admin
                .with_read_policy(RetryPolicy::verification(timeout), may_retry)
                .counted_in(self.calls()),
            cache: Arc::new(self.verdict_cache(
                self.settings.opaque,
                self.settings.negative_capacity,
                REGISTRY_EIGHTHS,
            )),
            upstream: Arc::clone(&self.upstream),
            timeout,
        })))
    }
}
