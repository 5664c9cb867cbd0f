//! How a fleet is set up: which store, which keys.

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use super::keys::{FleetKeys, SHORTEST_SECRET};
use super::store::SharedStore;
use crate::config::BuildError;
use crate::secret::InstanceSecret;
#[cfg(not(feature = "redis"))]
use crate::setting::FLEET;
use crate::setting::FLEET_KEY;

/// The most keys: two suffice for a rotation.
const MOST_KEYS: usize = 8;

/// Replicas of a service, or of several, that share Clerk's answers, what they invalidate and
/// revoke, and the budget of calls.
///
/// All that use one Clerk instance may be one fleet. See the page on
/// [fleets](https://docs.rs/clerk-machine-auth/latest/clerk_machine_auth/docs/fleet/index.html).
///
/// # Security
///
/// The store is not trusted: what is in it is sealed under the key of the fleet, and names are keyed
/// hashes. No token, no secret and no key for JWTs is ever in it. Whoever writes to it can make
/// replicas work alone, and cannot make one accept anything.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "redis")]
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use clerk_machine_auth::{Authenticator, Fleet};
///
/// let fleet = Fleet::redis("rediss://clerk:password@redis.internal:6379")?
///     .key("9f86d081884c7d659a2feaa0c55ad015");
/// let clerk = Authenticator::builder()
///     .secret_key("sk_test_4f8a")
///     .any_sender()
///     .fleet(fleet)
///     .build()?;
/// assert!(clerk.health().fleet.is_some());
/// # Ok(()) }
/// # #[cfg(feature = "redis")]
/// # example().unwrap();
/// ```
#[derive(Clone)]
#[must_use = "give it to `AuthenticatorBuilder::fleet`"]
pub struct Fleet {
    store: Arc<dyn SharedStore>,
    keys: Vec<SecretString>,
}

impl Fleet {
    fn new(store: Arc<dyn SharedStore>) -> Self {
        Self {
            store,
            keys: Vec::new(),
        }
    }

    /// Shares over Redis (6.2 or later) or Valkey: `rediss://user:password@host:port/database` (TLS),
    /// `redis://` to a loopback address, or `redis+unix:///path?user=…&pass=…`.
    ///
    /// Nothing is connected here, and nothing waits for a connection later.
    ///
    /// # Errors
    ///
    /// Fails for a URL that cannot be read, and for `redis://` to another host, which would send the
    /// password in plain text.
    #[cfg(feature = "redis")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn redis(url: impl AsRef<str>) -> Result<Self, BuildError> {
        let store = super::redis::RedisStore::new(url.as_ref(), false)?;
        Ok(Self::new(Arc::new(store)))
    }

    /// As [`redis`](Self::redis), and takes `redis://` to any host.
    ///
    /// # Errors
    ///
    /// Fails for a URL that cannot be read.
    ///
    /// # Security
    ///
    /// The password of Redis is sent in plain text, and whoever is on the way can do what somebody
    /// can who may write to Redis. What is shared stays sealed.
    #[cfg(feature = "redis")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn redis_without_tls(url: impl AsRef<str>) -> Result<Self, BuildError> {
        let store = super::redis::RedisStore::new(url.as_ref(), true)?;
        Ok(Self::new(Arc::new(store)))
    }

    /// Shares over memory of this process, for tests.
    #[cfg(feature = "testing")]
    #[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
    pub fn memory(memory: &super::SharedMemory) -> Self {
        Self::new(Arc::new(memory.clone()))
    }

    /// Adds a key of the fleet, of 32 characters or more; the first one writes, all are read.
    ///
    /// To replace a key, add the new one behind the old one everywhere, then put it first
    /// everywhere, then leave the old one out. Without any key they are derived from the secret of
    /// the instance, and a rolling change of that parts the fleet in two while it lasts.
    pub fn key(mut self, secret: impl Into<String>) -> Self {
        self.keys.push(secret.into().into());
        self
    }

    pub(crate) fn store(&self) -> Arc<dyn SharedStore> {
        Arc::clone(&self.store)
    }

    /// Derives the keys for this API URL.
    pub(crate) fn keys(
        &self,
        api_url: &str,
        instance: Option<&InstanceSecret>,
    ) -> Result<Vec<FleetKeys>, BuildError> {
        let wrong = |problem| BuildError::new(FLEET_KEY, problem);
        let derive = |secret: &str| {
            let keys = FleetKeys::derive(secret.as_bytes(), api_url);
            keys.ok_or_else(|| wrong("the keys cannot be derived"))
        };
        let secrets = || self.keys.iter().map(|key| key.expose_secret().trim());
        if secrets().any(|secret| secret.len() < SHORTEST_SECRET) {
            return Err(wrong(TOO_SHORT));
        }
        if self.keys.len() > MOST_KEYS {
            return Err(wrong("there are more than eight keys; leave old ones out"));
        }
        if !self.keys.is_empty() {
            return secrets().map(derive).collect();
        }
        let instance = instance.ok_or_else(|| wrong(MISSING))?;
        tracing::warn!(
            "the keys of the fleet are derived from the secret of the instance; set CLERK_FLEET_KEY, \
             so that replacing that secret does not part the fleet"
        );
        Ok(vec![derive(instance.current().expose_secret())?])
    }
}

const TOO_SHORT: &str = "a key is shorter than 32 characters; make one with `openssl rand -hex 32`";
const MISSING: &str = "there is no key and no instance secret to derive one from; set a key, the \
    same for all replicas, made with `openssl rand -hex 32`";

/// What the environment says of the fleet.
#[derive(Debug, Clone, Default)]
pub(crate) struct FleetVariables {
    pub(crate) url: Option<SecretString>,
    pub(crate) keys: Option<SecretString>,
}

impl FleetVariables {
    /// Makes a fleet of them, if there is a URL.
    pub(crate) fn fleet(&self) -> Result<Option<Fleet>, BuildError> {
        let Some(url) = &self.url else {
            return Ok(None);
        };
        let fleet = from_url(url.expose_secret())?;
        let keys = self.keys.as_ref().map_or("", |keys| keys.expose_secret());
        let keys = keys.split(',').map(str::trim).filter(|key| !key.is_empty());
        Ok(Some(keys.fold(fleet, Fleet::key)))
    }
}

#[cfg(feature = "redis")]
fn from_url(url: &str) -> Result<Fleet, BuildError> {
    Fleet::redis(url)
}

#[cfg(not(feature = "redis"))]
fn from_url(_: &str) -> Result<Fleet, BuildError> {
    let problem = "the variable is set, and this program was built without the feature `redis` of \
        clerk-machine-auth; turn it on, or unset the variable";
    Err(BuildError::new(FLEET, problem))
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet")
            .field("store", &self.store)
            .field("keys", &self.keys.len())
            .finish()
    }
}
