//! The one source of time: a wall clock for expiry, a monotonic clock for time-to-live.

use std::fmt::Debug;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the time to everything in this crate.
///
/// Two readings are kept apart because they answer different questions. Whether a token has
/// *expired* is a question for the wall clock, which an operator or NTP may move. How long ago
/// something was *fetched* is a question for a clock that only moves forward, so that a jump of
/// the wall clock never lengthens the life of a cached answer.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::{Clock, SystemClock};
///
/// let clock = SystemClock;
/// let earlier = clock.monotonic();
/// assert!(clock.monotonic() >= earlier);
/// assert!(clock.unix_time().as_secs() > 1_700_000_000);
/// ```
pub trait Clock: Debug + Send + Sync + 'static {
    /// Returns the time since the Unix epoch by the wall clock; zero if that lies in the future.
    fn unix_time(&self) -> Duration;

    /// Returns the time since a fixed but arbitrary origin; never goes backwards.
    fn monotonic(&self) -> Duration;
}

/// The clocks of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// The origin of [`SystemClock::monotonic`]: the first reading in this process.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Clock for SystemClock {
    fn unix_time(&self) -> Duration {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }

    fn monotonic(&self) -> Duration {
        ORIGIN.elapsed()
    }
}

/// Returns the moment in which a task gives up that has this much time.
///
/// A time beyond what the system's clock can tell is over at once; no setting allows one.
pub(crate) fn after(time: Duration) -> tokio::time::Instant {
    let now = tokio::time::Instant::now();
    now.checked_add(time).unwrap_or(now)
}

/// Returns whole milliseconds, as atomics hold times; without the wide division of
/// [`Duration::as_millis`].
pub(crate) fn millis(time: Duration) -> u64 {
    let seconds = time.as_secs().saturating_mul(1_000);
    seconds.saturating_add(u64::from(time.subsec_millis()))
}
