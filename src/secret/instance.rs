//! The replaceable secret of the instance, shared by all clients.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{SecretError, SecretKey};

/// Secret key of the instance that can be replaced while the service runs; cheap to clone.
///
/// Clones share the key. Everything that was built with this handle (an
/// [`Authenticator`](crate::Authenticator) with its keys and its registry, an
/// [`AdminClient`](crate::AdminClient)) uses the new key as soon as it is
/// [replaced](Self::replace). Caches are kept.
///
/// Clerk allows several secret keys at a time. To rotate, create a second one in the dashboard,
/// replace the first one here on all replicas, then delete the first one.
///
/// The previous key is kept. If Clerk refuses one of the two, the other one is tried, once per
/// call, and the one that works is used first from then on. Replacing or deleting a key too early
/// therefore fails no request.
///
/// # Security
///
/// Both keys are rejected as bearer tokens.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::{AdminClient, Authenticator, InstanceSecret, SecretKey};
///
/// let secret = InstanceSecret::try_from("sk_test_4f8a")?;
/// let clerk = Authenticator::builder()
///     .secret_key(secret.clone())
///     .machine_id("mch_2xhFjEI5X2qWRvtV13BzSj8H6Dk")
///     .build()?;
/// let admin = AdminClient::builder().secret_key(secret.clone()).build()?;
///
/// // Later, when the secret store has a new one; `clerk` and `admin` both use it.
/// secret.replace(SecretKey::new("sk_test_91bc")?)?;
/// assert_eq!(secret.current().expose_secret(), "sk_test_91bc");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct InstanceSecret(Arc<ArcSwap<Keys>>);

/// Replaced as a whole, so that a reader never sees half of a change.
struct Keys {
    current: Arc<SecretKey>,
    previous: Option<Arc<SecretKey>>,
    /// Whether Clerk accepted the previous key when it was last called with both.
    prefers_previous: bool,
}

impl Keys {
    fn first(&self) -> &Arc<SecretKey> {
        match &self.previous {
            Some(previous) if self.prefers_previous => previous,
            _ => &self.current,
        }
    }

    fn both(&self) -> impl Iterator<Item = &Arc<SecretKey>> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl InstanceSecret {
    /// Creates a handle with this key.
    #[must_use]
    pub fn new(key: SecretKey) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Keys {
            current: Arc::new(key),
            previous: None,
            prefers_previous: false,
        })))
    }

    /// Returns the key that was set last.
    ///
    /// This takes no lock.
    #[must_use]
    pub fn current(&self) -> Arc<SecretKey> {
        Arc::clone(&self.0.load().current)
    }

    /// Replaces the current key by another one of the same instance, and keeps the previous one.
    ///
    /// Setting the current key again has no effect.
    ///
    /// # Errors
    ///
    /// Fails with [`SecretError::Environment`] if one key is of a development instance (`sk_test_`)
    /// and the other of a production instance (`sk_live_`), because the caches belong to one
    /// instance.
    ///
    /// # Security
    ///
    /// The keys of two production or two development instances cannot be distinguished. For another
    /// instance, build another [`Authenticator`](crate::Authenticator).
    pub fn replace(&self, key: SecretKey) -> Result<(), SecretError> {
        let now = self.current();
        if now.contradicts(&key) {
            return Err(SecretError::Environment);
        }
        if now.same(&key) {
            return Ok(());
        }
        let current = Arc::new(key);
        self.0.rcu(|keys| Keys {
            current: Arc::clone(&current),
            previous: Some(Arc::clone(&keys.current)),
            prefers_previous: false,
        });
        tracing::info!("the secret key of the instance was replaced");
        Ok(())
    }

    /// Returns the key to call Clerk with.
    pub(crate) fn in_use(&self) -> Arc<SecretKey> {
        Arc::clone(self.0.load().first())
    }

    /// Returns the key for a retry after Clerk has refused this one.
    pub(crate) fn other_than(&self, refused: &SecretKey) -> Option<Arc<SecretKey>> {
        let keys = self.0.load();
        let other = keys.both().find(|key| !key.same(refused));
        other.map(Arc::clone)
    }

    /// Records that Clerk accepted this key after it had refused the other one. It is used first from
    /// now on.
    pub(crate) fn prefer(&self, key: &SecretKey) {
        let before = self.0.rcu(|keys| Keys {
            current: Arc::clone(&keys.current),
            previous: keys.previous.clone(),
            prefers_previous: keys.previous.as_ref().is_some_and(|it| it.same(key)),
        });
        if !before.first().same(key) {
            let is_current = before.current.same(key);
            tracing::warn!(
                is_current,
                "Clerk refuses one secret key of the instance and takes the other one"
            );
        }
    }

    /// Compares both keys with a token, in constant time.
    pub(crate) fn ct_eq(&self, token: &[u8]) -> bool {
        self.0.load().both().any(|key| key.ct_eq(token))
    }
}

impl From<SecretKey> for InstanceSecret {
    fn from(key: SecretKey) -> Self {
        Self::new(key)
    }
}

impl TryFrom<&str> for InstanceSecret {
    type Error = SecretError;

    fn try_from(key: &str) -> Result<Self, SecretError> {
        SecretKey::new(key).map(Self::new)
    }
}

impl TryFrom<String> for InstanceSecret {
    type Error = SecretError;

    fn try_from(key: String) -> Result<Self, SecretError> {
        SecretKey::new(key).map(Self::new)
    }
}

impl TryFrom<&String> for InstanceSecret {
    type Error = SecretError;

    fn try_from(key: &String) -> Result<Self, SecretError> {
        Self::try_from(key.as_str())
    }
}

/// Lets settings accept both a secret and a text that may be invalid.
impl From<Infallible> for SecretError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl fmt::Debug for InstanceSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.load();
        f.debug_struct("InstanceSecret")
            .field("current", &keys.current)
            .field("has_previous", &keys.previous.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> SecretKey {
        SecretKey::new(text).unwrap()
    }

    fn shown(key: &SecretKey) -> &str {
        key.expose_secret()
    }

    #[test]
    fn a_replaced_key_is_kept_and_tried_after_the_new_one() {
        let secret = InstanceSecret::new(key("sk_test_a"));
        assert!(secret.other_than(&key("sk_test_a")).is_none());
        let clone = secret.clone();
        clone.replace(key("sk_test_b")).unwrap();
        assert_eq!(shown(&secret.in_use()), "sk_test_b");
        let other = |refused| secret.other_than(&key(refused));
        assert_eq!(shown(&other("sk_test_b").unwrap()), "sk_test_a");
        assert_eq!(shown(&other("sk_test_a").unwrap()), "sk_test_b");
        // A call that started before two replacements continues with the newest key.
        assert_eq!(shown(&other("sk_test_0").unwrap()), "sk_test_b");
    }

    #[test]
    fn the_key_that_clerk_takes_is_used_first() {
        let secret = InstanceSecret::new(key("sk_test_a"));
        secret.replace(key("sk_test_b")).unwrap();
        secret.prefer(&key("sk_test_a"));
        assert_eq!(shown(&secret.in_use()), "sk_test_a");
        assert_eq!(shown(&secret.current()), "sk_test_b");
        secret.prefer(&key("sk_test_b"));
        assert_eq!(shown(&secret.in_use()), "sk_test_b");
        secret.prefer(&key("sk_test_a"));
        secret.replace(key("sk_test_c")).unwrap();
        assert_eq!(shown(&secret.in_use()), "sk_test_c");
    }

    #[test]
    fn the_current_key_set_again_pushes_no_previous_one_out() {
        let secret = InstanceSecret::new(key("sk_test_a"));
        secret.replace(key("sk_test_b")).unwrap();
        secret.replace(key("sk_test_b")).unwrap();
        assert!(secret.ct_eq(b"sk_test_a") && secret.ct_eq(b"sk_test_b"));
        assert!(!secret.ct_eq(b"sk_test_c"));
    }

    #[test]
    fn a_key_of_the_other_environment_is_refused() {
        let secret = InstanceSecret::new(key("sk_test_a"));
        let refused = secret.replace(key("sk_live_b"));
        assert_eq!(refused, Err(SecretError::Environment));
        assert_eq!(shown(&secret.current()), "sk_test_a");
        assert!(secret.replace(key("sk_b")).is_ok());
    }

    #[test]
    fn rule_19_debug_shows_no_key() {
        let secret = InstanceSecret::new(key("sk_test_canary"));
        secret.replace(key("sk_test_canary2")).unwrap();
        assert!(!format!("{secret:?} {secret:#?}").contains("canary"));
    }
}
