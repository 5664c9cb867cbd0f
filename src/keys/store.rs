//! The keys of one instance, wherever they come from.

use std::sync::Arc;
use std::time::Duration;

use super::published::{Newer, PublishedKeys};
use super::set::KeySet;
use super::source::KeySource;
use super::state::{Generation, KeysInUse};
use super::windows::KeyWindows;
use crate::clock::Clock;
use crate::error::{AuthError, Reason};
use crate::flights::Waiter;
use crate::tasks::Tasks;
use crate::trouble::Record;

/// The keys of one instance.
#[derive(Debug)]
pub(crate) enum KeyStore {
    /// A configured key: in use for good, and nothing is ever fetched for it.
    Pinned(Arc<KeysInUse>),
    Published(Arc<PublishedKeys>),
}

impl KeyStore {
    pub(crate) fn pinned(set: KeySet) -> Self {
        Self::Pinned(Arc::new(KeysInUse { set, generation: 0 }))
    }

    pub(crate) fn published(source: KeySource, windows: KeyWindows, clock: Arc<dyn Clock>) -> Self {
        Self::Published(Arc::new(PublishedKeys::new(source, windows, clock)))
    }

    /// Returns the keys to use now, or `None` where they have to be fetched first.
    pub(crate) fn current(&self, now: Duration, tasks: &Tasks) -> Option<Arc<KeysInUse>> {
        match self {
            Self::Pinned(keys) => Some(Arc::clone(keys)),
            Self::Published(keys) => keys.current(now, tasks),
        }
    }

    /// Returns the generation of the keys to use now, and renews them as [`Self::current`] does.
    pub(crate) fn generation(&self, now: Duration, tasks: &Tasks) -> Option<Generation> {
        match self {
            Self::Pinned(keys) => Some(keys.generation),
            Self::Published(keys) => keys.generation(now, tasks),
        }
    }

    /// Begins to fetch the keys, or joins whoever does; fails while a pause has to be kept.
    pub(crate) fn fetch(
        &self,
        now: Duration,
        tasks: &Tasks,
    ) -> Result<Option<Waiter<()>>, AuthError> {
        match self {
            Self::Pinned(_) => Ok(None),
            Self::Published(keys) => keys.first_fetch(now, tasks).map(Some),
        }
    }

    /// Looks for keys that may fit a token which those that were seen do not fit.
    pub(crate) fn newer(
        &self,
        seen: Option<&KeysInUse>,
        now: Duration,
        tasks: &Tasks,
    ) -> Result<Newer, AuthError> {
        match (self, seen) {
            (Self::Pinned(_), _) => Ok(Newer::No),
            (Self::Published(keys), None) => match keys.current(now, tasks) {
                Some(keys) => Ok(Newer::Here(keys)),
                None => keys.first_fetch(now, tasks).map(Newer::Coming),
            },
            (Self::Published(keys), Some(seen)) => keys.newer(seen.generation, now, tasks),
        }
    }

    /// Makes the answer to a token that fits none of the keys, now that newer ones were looked for.
    ///
    /// Whether it is bad is known only if the look worked: the key that it fits may be published by
    /// now.
    pub(crate) fn misfit(&self, reason: Reason, now: Duration) -> AuthError {
        match self {
            Self::Pinned(_) => reason.into(),
            Self::Published(keys) => keys.misfit(reason, now),
        }
    }

    /// Tells whether there are keys to use now, without fetching any.
    pub(crate) fn is_ready(&self, now: Duration) -> bool {
        match self {
            Self::Pinned(_) => true,
            Self::Published(keys) => keys.is_ready(now),
        }
    }

    /// Returns what is wrong, and was wrong, with the fetches; `None` where there are none.
    pub(crate) fn record(&self) -> Option<&Record> {
        match self {
            Self::Pinned(_) => None,
            Self::Published(keys) => Some(keys.record()),
        }
    }

    /// Returns the age of the keys in use; `None` for a configured key, and where there are none.
    pub(crate) fn age(&self, now: Duration) -> Option<Duration> {
        match self {
            Self::Pinned(_) => None,
            Self::Published(keys) => keys.age(now),
        }
    }
}
