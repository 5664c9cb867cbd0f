//! A token for outgoing calls, and its stages.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;

use crate::clock::{Clock, millis};
use crate::id::M2mTokenId;

const BEARER: &str = "Bearer ";

/// An M2M token for an outgoing request; cheap to clone.
///
/// # Security
///
/// `Debug` prints the token's identifier, never the token.
#[derive(Clone)]
pub struct OutboundToken(pub(super) Arc<Minted>);

/// A token and its times; the monotonic ones are in milliseconds.
pub(super) struct Minted {
    /// `Bearer …`, marked as sensitive.
    pub(super) header: HeaderValue,
    pub(super) id: M2mTokenId,
    /// The expiry by the wall clock, since the Unix epoch.
    pub(super) expires_at: Option<Duration>,
    /// The whole lifetime, from its creation.
    pub(super) lifetime: Duration,
    pub(super) received_at: u64,
    /// From then on, a call of `token()` starts a mint in the background.
    pub(super) refresh_at: AtomicU64,
    /// From then on, a caller waits for a new token.
    pub(super) fresh_until: u64,
    /// From then on, the token is not used.
    pub(super) usable_until: u64,
    /// The monotonic second in which the wall clock was last read.
    pub(super) looked_at: AtomicU64,
    /// Whether a receiver has refused it and a new one may be minted.
    pub(super) refused: AtomicBool,
}

/// The stage of a token's lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Used as it is.
    Fresh,
    /// Used as it is, and renewed in the background.
    Due,
    /// Used only if there is no new one: about to expire, or refused.
    Spare,
    /// Not used.
    Over,
}

impl OutboundToken {
    /// Returns the value for the `Authorization` field (`Bearer …`), marked as sensitive.
    ///
    /// The returned value shares the token's bytes and does not allocate.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.0.header.clone()
    }

    /// Returns the token itself.
    ///
    /// # Security
    ///
    /// The name is explicit so that every use is easy to find in a review.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        let text = self.0.header.to_str().unwrap_or_default();
        text.strip_prefix(BEARER).unwrap_or_default()
    }

    /// Returns the token's identifier (`mt_…`), which may be logged.
    #[must_use]
    pub fn id(&self) -> &M2mTokenId {
        &self.0.id
    }

    /// Returns when the token expires; `None` if it does not.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(self.0.expires_at?)
    }

    /// Returns `true` if this is the very same token, not just an equal one.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Returns the `Authorization` value of a token, marked as sensitive so that no layer below logs
/// it.
pub(super) fn authorization(token: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::try_from(format!("{BEARER}{token}")).ok()?;
    header.set_sensitive(true);
    // The first clone moves the bytes into shared memory; later ones only increment a counter.
    let _shared = header.clone();
    Some(header)
}

impl Minted {
    /// Returns the stage of the token (rules O2 and O3).
    pub(super) fn stage(&self, clock: &dyn Clock) -> Stage {
        let now = clock.monotonic();
        let millis = millis(now);
        if millis >= self.usable_until || self.is_expired(now.as_secs(), clock) {
            Stage::Over
        } else if self.refused.load(Ordering::Relaxed) || millis >= self.fresh_until {
            Stage::Spare
        } else if millis >= self.refresh_at.load(Ordering::Relaxed) {
            Stage::Due
        } else {
            Stage::Fresh
        }
    }

    /// Compares the expiry with the wall clock, once per second. A host that was suspended, or
    /// whose clock was set, notices within a second, and most calls read one clock instead of two.
    fn is_expired(&self, second: u64, clock: &dyn Clock) -> bool {
        if self.looked_at.load(Ordering::Relaxed) == second {
            return false;
        }
        let expired = self.expires_at.is_some_and(|at| clock.unix_time() >= at);
        if !expired {
            self.looked_at.store(second, Ordering::Relaxed);
        }
        expired
    }

    /// Returns the remaining time for which the token may be used.
    pub(super) fn remaining(&self, clock: &dyn Clock) -> Duration {
        let by_age = self.usable_until.saturating_sub(millis(clock.monotonic()));
        let by_age = Duration::from_millis(by_age);
        match self.expires_at {
            Some(at) => by_age.min(at.saturating_sub(clock.unix_time())),
            None => by_age,
        }
    }
}

impl fmt::Debug for OutboundToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundToken")
            .field("id", &self.0.id)
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}
