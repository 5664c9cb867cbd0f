//! Randomness from the one cryptographic library in the tree.

use std::time::Duration;

use aws_lc_rs::rand;

/// Returns `N` unpredictable bytes, or `None` if the system provides no entropy.
pub(crate) fn bytes<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).ok().map(|()| bytes)
}

/// Returns a random duration between half of `around` and one and a half times it.
///
/// Spreading retries keeps many replicas from returning to a struggling upstream in step. With no
/// entropy the middle is as good as any other choice: nothing secret depends on it.
pub(crate) fn jitter(around: Duration) -> Duration {
    vary(around, 0.5)
}

/// Returns a time varied at random by up to this share of it, in both directions.
pub(crate) fn vary(time: Duration, by: f64) -> Duration {
    vary_to(time, by, fraction())
}

/// Returns a time varied by up to this share of it: the shortest at a fraction of 0, the longest at 1.
pub(crate) fn vary_to(time: Duration, by: f64, fraction: f64) -> Duration {
    time.mul_f64(1.0 + by * (2.0 * fraction - 1.0))
}

/// Returns a random number in `0.0..=1.0`, or the middle if there is no entropy.
pub(crate) fn fraction() -> f64 {
    bytes::<2>().map_or(0.5, |random| spread(u16::from_be_bytes(random)))
}

/// Maps a uniformly random number onto `0.0..=1.0`.
pub(crate) fn spread(random: u16) -> f64 {
    f64::from(random) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_half_and_one_and_a_half() {
        let around = Duration::from_millis(100);
        let seen: Vec<_> = (0..200).map(|_| jitter(around)).collect();
        assert!(
            seen.iter().all(|d| (50..=150).contains(&d.as_millis())),
            "{seen:?}"
        );
        assert!(seen.iter().any(|d| d != &seen[0]), "jitter never varies");
    }
}
