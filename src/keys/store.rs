//! The keys of one instance, configured or fetched.

use std::sync::Arc;
use std::time::Duration;

use super::refresh::KeyRefreshPolicy;
use super::remote::{Refetch, RemoteKeySet};
use super::set::KeySet;
use super::snapshot::{Generation, KeySnapshot};
use super::source::KeySource;
use crate::clock::Clock;
use crate::error::{AuthError, Reason};
use crate::problem::ProblemRecord;
use crate::single_flight::Flight;
use crate::tasks::Tasks;

/// The keys of one instance.
#[derive(Debug)]
pub(crate) enum KeyStore {
    /// A configured key, which is used forever and never fetched.
    Static(Arc<KeySnapshot>),
    Remote(Arc<RemoteKeySet>),
}

impl KeyStore {
    pub(crate) fn fixed(set: KeySet) -> Self {
        Self::Static(Arc::new(KeySnapshot { set, generation: 0 }))
    }

    pub(crate) fn published(
        source: KeySource,
        policy: KeyRefreshPolicy,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self::Remote(Arc::new(RemoteKeySet::new(source, policy, clock)))
    }

    /// Returns the current keys, or `None` if they have to be fetched first.
    pub(crate) fn current(&self, now: Duration, tasks: &Tasks) -> Option<Arc<KeySnapshot>> {
        match self {
            Self::Static(keys) => Some(Arc::clone(keys)),
            Self::Remote(keys) => keys.current(now, tasks),
        }
    }

    /// Returns the generation of the current keys, and refreshes them like [`Self::current`].
    pub(crate) fn generation(&self, now: Duration, tasks: &Tasks) -> Option<Generation> {
        match self {
            Self::Static(keys) => Some(keys.generation),
            Self::Remote(keys) => keys.generation(now, tasks),
        }
    }

    /// Joins the fetch in flight or starts one. Fails during the pause after a failed fetch.
    pub(crate) fn fetch(
        &self,
        now: Duration,
        tasks: &Tasks,
    ) -> Result<Option<Flight<()>>, AuthError> {
        match self {
            Self::Static(_) => Ok(None),
            Self::Remote(keys) => keys.first_fetch(now, tasks).map(Some),
        }
    }

    /// Looks for keys that may match a token that the given ones do not match.
    pub(crate) fn refetch(
        &self,
        seen: Option<&KeySnapshot>,
        now: Duration,
        tasks: &Tasks,
    ) -> Result<Refetch, AuthError> {
        match (self, seen) {
            (Self::Static(_), _) => Ok(Refetch::Throttled),
            (Self::Remote(keys), None) => match keys.current(now, tasks) {
                Some(_) => Ok(Refetch::Ready),
                None => keys.first_fetch(now, tasks).map(Refetch::Pending),
            },
            (Self::Remote(keys), Some(seen)) => keys.refetch(seen.generation, now, tasks),
        }
    }

    /// Returns the error for a token that matches none of the keys, after newer ones were looked for.
    ///
    /// The token is rejected only if that fetch succeeded. Otherwise its key may have been published
    /// meanwhile.
    pub(crate) fn key_mismatch(&self, reason: Reason, now: Duration) -> AuthError {
        match self {
            Self::Static(_) => reason.into(),
            Self::Remote(keys) => keys.key_mismatch(reason, now),
        }
    }

    /// Returns `true` if there are keys to use now. Does not fetch any.
    pub(crate) fn is_ready(&self, now: Duration) -> bool {
        match self {
            Self::Static(_) => true,
            Self::Remote(keys) => keys.is_ready(now),
        }
    }

    /// Returns the current and the last problem with the fetches, or `None` for a configured key.
    pub(crate) fn record(&self) -> Option<&ProblemRecord> {
        match self {
            Self::Static(_) => None,
            Self::Remote(keys) => Some(keys.record()),
        }
    }

    /// Returns the age of the current keys. `None` for a configured key, and if there are no keys.
    pub(crate) fn age(&self, now: Duration) -> Option<Duration> {
        match self {
            Self::Static(_) => None,
            Self::Remote(keys) => keys.age(now),
        }
    }
}
