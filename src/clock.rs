//! The source of time: a wall clock for expiry, a monotonic clock for times to live.

use std::fmt::Debug;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The clock that this crate uses.
///
/// The expiry of a token is compared with the wall clock, which an operator or NTP may change. The
/// age of a cached verdict is measured by the monotonic clock, so that a jump of the wall clock
/// never extends its life.
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
    /// Returns the wall-clock time since the Unix epoch; zero if the clock is before it.
    fn unix_time(&self) -> Duration;

    /// Returns the time since a fixed but arbitrary origin; never goes backwards.
    fn monotonic(&self) -> Duration;
}

/// The clocks of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// The origin of [`SystemClock::monotonic`]: the first reading in this process.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The first reading is not zero: what other processes did before this one began has a time, too.
const BEFORE: Duration = Duration::from_secs(86_400);

impl Clock for SystemClock {
    fn unix_time(&self) -> Duration {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }

    fn monotonic(&self) -> Duration {
        ORIGIN.elapsed().saturating_add(BEFORE)
    }
}

/// Returns the deadline that is this time from now.
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
