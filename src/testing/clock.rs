//! A clock that is controlled by a test.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::lock::lock;
use crate::clock::{Clock, SystemClock};

/// Clock that is controlled by a test; clones share the time.
///
/// It starts at the real time and *runs* until [`freeze`](Self::freeze) stops it. Give the same
/// clock to the emulator and to the code under test, and hours pass in a microsecond:
///
/// ```
/// use std::time::Duration;
/// use clerk_machine_auth::Clock;
/// use clerk_machine_auth::testing::TestClock;
///
/// let clock = TestClock::frozen();
/// let before = clock.unix_time();
/// clock.advance(Duration::from_secs(3600));
/// assert_eq!(clock.unix_time() - before, Duration::from_secs(3600));
/// ```
#[derive(Clone, Default)]
pub struct TestClock {
    hands: Arc<Mutex<Hands>>,
}

/// Both readings as a base (real, or stopped) plus the time that the test has added, in
/// nanoseconds.
#[derive(Default)]
struct Hands {
    stopped_at: Option<(i128, i128)>,
    wall_shift: i128,
    monotonic_shift: i128,
}

impl Hands {
    fn base(&self) -> (i128, i128) {
        self.stopped_at.unwrap_or_else(real)
    }

    fn wall(&self) -> i128 {
        self.base().0 + self.wall_shift
    }
}

fn real() -> (i128, i128) {
    (
        nanos(SystemClock.unix_time()),
        nanos(SystemClock.monotonic()),
    )
}

fn nanos(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX / 4)
}

fn duration(nanos: i128) -> Duration {
    const SECOND: i128 = 1_000_000_000;
    let nanos = nanos.max(0);
    let seconds = u64::try_from(nanos / SECOND).unwrap_or(u64::MAX);
    let rest = u32::try_from(nanos % SECOND).unwrap_or(0);
    Duration::new(seconds, rest)
}

impl TestClock {
    /// Creates a clock that runs with the real time until it is moved.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a clock that is stopped at the current time until it is moved.
    #[must_use]
    pub fn frozen() -> Self {
        let clock = Self::new();
        clock.freeze();
        clock
    }

    /// Stops the clock; it then only moves through [`advance`](Self::advance) and similar methods.
    pub fn freeze(&self) {
        let mut hands = lock(&self.hands);
        hands.stopped_at = Some(hands.base());
    }

    /// Lets a stopped clock continue from its current time.
    pub fn unfreeze(&self) {
        let mut hands = lock(&self.hands);
        if let Some((wall, monotonic)) = hands.stopped_at.take() {
            let (real_wall, real_monotonic) = real();
            hands.wall_shift += wall - real_wall;
            hands.monotonic_shift += monotonic - real_monotonic;
        }
    }

    /// Advances the wall clock and the monotonic clock.
    pub fn advance(&self, by: Duration) {
        let mut hands = lock(&self.hands);
        hands.wall_shift += nanos(by);
        hands.monotonic_shift += nanos(by);
    }

    /// Resets the clock to the real time, and lets it run.
    pub(super) fn reset(&self) {
        *lock(&self.hands) = Hands::default();
    }

    /// Returns `true` if the clock is stopped.
    pub(super) fn is_frozen(&self) -> bool {
        lock(&self.hands).stopped_at.is_some()
    }

    /// Sets the wall clock, as an operator or NTP would; the monotonic clock does not change.
    pub fn set_wall(&self, since_epoch: Duration) {
        let mut hands = lock(&self.hands);
        hands.wall_shift += nanos(since_epoch) - hands.wall();
    }

    /// Moves the wall clock forward; the monotonic clock does not change.
    pub fn jump_wall_forward(&self, by: Duration) {
        lock(&self.hands).wall_shift += nanos(by);
    }

    /// Moves the wall clock back; the monotonic clock does not change.
    pub fn jump_wall_back(&self, by: Duration) {
        lock(&self.hands).wall_shift -= nanos(by);
    }
}

impl Clock for TestClock {
    fn unix_time(&self) -> Duration {
        duration(lock(&self.hands).wall())
    }

    fn monotonic(&self) -> Duration {
        let hands = lock(&self.hands);
        duration(hands.base().1 + hands.monotonic_shift)
    }
}

impl fmt::Debug for TestClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frozen = self.is_frozen();
        f.debug_struct("TestClock")
            .field("unix_time", &self.unix_time())
            .field("frozen", &frozen)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advancing_moves_both_readings() {
        let clock = TestClock::frozen();
        let (wall, monotonic) = (clock.unix_time(), clock.monotonic());
        clock.advance(Duration::from_secs(7));
        assert_eq!(clock.unix_time() - wall, Duration::from_secs(7));
        assert_eq!(clock.monotonic() - monotonic, Duration::from_secs(7));
    }

    #[test]
    fn the_wall_jumps_without_the_monotonic_reading() {
        let clock = TestClock::frozen();
        let monotonic = clock.monotonic();
        clock.set_wall(Duration::from_secs(1_000));
        clock.jump_wall_forward(Duration::from_secs(50));
        clock.jump_wall_back(Duration::from_secs(8));
        assert_eq!(clock.unix_time(), Duration::from_secs(1_042));
        assert_eq!(clock.monotonic(), monotonic);
    }

    #[test]
    fn a_stopped_clock_runs_on_from_what_it_shows() {
        let clock = TestClock::frozen();
        clock.set_wall(Duration::from_secs(1_000));
        let shown = clock.monotonic();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(clock.monotonic(), shown, "stopped");
        clock.unfreeze();
        assert_eq!(clock.unix_time().as_secs(), 1_000);
        std::thread::sleep(Duration::from_millis(2));
        assert!(clock.monotonic() > shown, "running again");
    }

    #[test]
    fn clones_show_the_same_time() {
        let clock = TestClock::frozen();
        let other = clock.clone();
        clock.advance(Duration::from_secs(9));
        assert_eq!(other.unix_time(), clock.unix_time());
    }
}
