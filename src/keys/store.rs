//! The keys of one instance, wherever they come from.

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
    /// A configured key: in use for good, and nothing is ever fetched for it.
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

    /// Returns the keys to use now, or `None` where they have to be fetched first.
    pub(crate) fn current(&self, now: Duration, tasks: &Tasks) -> Option<Arc<KeySnapshot>> {
        match self {
            Self::Static(keys) => Some(Arc::clone(keys)),
            Self::Remote(keys) => keys.current(now, tasks),
        }
    }

    /// Returns the generation of the keys to use now, and renews them as [`Self::current`] does.
    pub(crate) fn generation(&self, now: Duration, tasks: &Tasks) -> Option<Generation> {
        match self {
            Self::Static(keys) => Some(keys.generation),
            Self::Remote(keys) => keys.generation(now, tasks),
        }
    }

    /// Begins to fetch the keys, or joins whoever does; fails while a pause has to be kept.
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

    /// Looks for keys that may fit a token which those that were seen do not fit.
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

    /// Makes the answer to a token that fits none of the keys, now that newer ones were looked for.
    ///
    /// Whether it is bad is known only if the look worked: the key that it fits may be published by
    /// now.
    pub(crate) fn key_mismatch(&self, reason: Reason, now: Duration) -> AuthError {
        match self {
            Self::Static(_) => reason.into(),
            Self::Remote(keys) => keys.key_mismatch(reason, now),
        }
    }

    /// Tells whether there are keys to use now, without fetching any.
    pub(crate) fn is_ready(&self, now: Duration) -> bool {
        match self {
            Self::Static(_) => true,
            Self::Remote(keys) => keys.is_ready(now),
        }
    }

    /// Returns what is wrong, and was wrong, with the fetches; `None` where there are none.
    pub(crate) fn record(&self) -> Option<&ProblemRecord> {
        match self {
            Self::Static(_) => None,
            Self::Remote(keys) => Some(keys.record()),
        }
    }

    /// Returns the age of the keys in use; `None` for a configured key, and where there are none.
    pub(crate) fn age(&self, now: Duration) -> Option<Duration> {
        match self {
            Self::Static(_) => None,
            Self::Remote(keys) => keys.age(now),
        }
    }
}
