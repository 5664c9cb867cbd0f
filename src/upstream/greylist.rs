//! Records which tokens the budget has refused, so that retried tokens are admitted before those that
//! come for the first time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::cache::CacheKey;

/// Entries, in 2 MiB. A flood of 100 000 new keys per second overwrites an entry within one second with
/// a probability of a third. Most tokens that are retried after a second are therefore found.
const ENTRIES: usize = 256 * 1024;
/// Times are stored in sixteenths of a second.
const TICKS: u128 = 16;
/// The bits of an entry that hold its time, which wraps around after twelve days.
const TIME: u64 = (1 << 24) - 1;
/// The shortest time after which a retry counts, in ticks. One second is the shortest time that
/// `Retry-After` can express. The entry's own tick may have been under way, so it is not counted.
const AWAY_AT_LEAST: u64 = 15;
/// The longest time after which a retry counts, in ticks: a minute. After that, the key is new again.
const AWAY_AT_MOST: u64 = 60 * 16;

/// Keys that the budget has refused, and when (greylisting, RFC 6647).
///
/// A lossy table: each key has one place, and the last key written to it stays. A lost entry costs its
/// owner one more try.
///
/// # Security
///
/// Made-up tokens are cheap because each is sent once. To be served from the part that is reserved for
/// retries, an attacker has to send each token twice, a second or more apart, and few enough in between
/// that the first entry is not overwritten. An attacker who does that at a rate of `r` tokens per
/// second shares that part with genuine new tokens. Each of their tries then succeeds with a
/// probability of about 15 / `r` at the default budget, as all tries would without this table. Nothing
/// here distinguishes valid tokens from made-up ones; only Clerk does. Known tokens are not affected.
///
/// Places and fingerprints come from the keyed hash of a token. Nobody can therefore aim at the place
/// of another token, or at its fingerprint.
#[derive(Debug, Default)]
pub(super) struct Greylist(OnceLock<Box<[AtomicU64]>>);

impl Greylist {
    /// Returns `true` if this key was refused a while ago and is being retried.
    pub(super) fn has_come_back(&self, key: &CacheKey, now: Duration) -> bool {
        let Some(entry) = self.0.get().and_then(|entries| slot(entries, key)) else {
            return false;
        };
        away(entry.load(Ordering::Relaxed), key, now)
            .is_some_and(|away| (AWAY_AT_LEAST..=AWAY_AT_MOST).contains(&away))
    }

    /// Records that this key was refused. A key that is already recorded keeps its time.
    pub(super) fn refused(&self, key: &CacheKey, now: Duration) {
        let entries = self.0.get_or_init(new_table);
        let Some(entry) = slot(entries, key) else {
            return;
        };
        let away = away(entry.load(Ordering::Relaxed), key, now);
        if away.is_none_or(|away| away > AWAY_AT_MOST) {
            entry.store(fingerprint(key) | ticks(now), Ordering::Relaxed);
        }
    }

    /// Removes a key that was admitted. The next time it starts anew.
    pub(super) fn let_in(&self, key: &CacheKey) {
        if let Some(entry) = self.0.get().and_then(|entries| slot(entries, key)) {
            entry.store(0, Ordering::Relaxed);
        }
    }
}

/// Allocated when the first key is refused: most services never refuse one.
fn new_table() -> Box<[AtomicU64]> {
    (0..ENTRIES).map(|_| AtomicU64::new(0)).collect()
}

fn slot<'a>(entries: &'a [AtomicU64], key: &CacheKey) -> Option<&'a AtomicU64> {
    let (low, _) = key.halves();
    entries.get(low as usize % ENTRIES)
}

/// The bits of a key that an entry holds beside its time.
fn fingerprint(key: &CacheKey) -> u64 {
    let (_, high) = key.halves();
    high & !TIME
}

fn ticks(now: Duration) -> u64 {
    let ticks = now.as_nanos().saturating_mul(TICKS) / 1_000_000_000;
    ticks as u64 & TIME
}

/// Returns how many ticks ago an entry was written, if it belongs to this key.
fn away(entry: u64, key: &CacheKey, now: Duration) -> Option<u64> {
    let is_its_own = entry != 0 && entry & !TIME == fingerprint(key);
    is_its_own.then(|| ticks(now).wrapping_sub(entry) & TIME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{Domain, KeyHasher};

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn key(hasher: &KeyHasher, n: u64) -> CacheKey {
        hasher.key(Domain::ApiKey, &n.to_le_bytes())
    }

    #[test]
    fn rule_12_a_name_that_was_refused_has_come_back_after_a_second() {
        let (list, hasher) = (Greylist::default(), KeyHasher::new().unwrap());
        let (one, other) = (key(&hasher, 1), key(&hasher, 2));
        assert!(!list.has_come_back(&one, at(0)));
        list.refused(&one, at(10_500));
        assert!(!list.has_come_back(&one, at(11_200)));
        // Too early. The retry is ignored, and the first time stays.
        list.refused(&one, at(11_200));
        assert!(list.has_come_back(&one, at(11_500)));
        assert!(list.has_come_back(&one, at(70_400)));
        assert!(!list.has_come_back(&one, at(71_000)));
        assert!(!list.has_come_back(&other, at(11_500)));
        list.refused(&one, at(71_000));
        assert!(list.has_come_back(&one, at(72_000)));
        list.let_in(&one);
        assert!(!list.has_come_back(&one, at(72_000)));
    }

    #[test]
    fn rule_12_the_table_is_not_made_before_it_is_needed_and_does_not_grow() {
        let (list, hasher) = (Greylist::default(), KeyHasher::new().unwrap());
        list.let_in(&key(&hasher, 0));
        assert!(list.0.get().is_none());
        for n in 0..1_000_000 {
            list.refused(&key(&hasher, n), at(0));
        }
        let entries = list.0.get().unwrap();
        assert_eq!(size_of_val(&**entries), 2 * 1024 * 1024);
        let kept = (0..1_000_000).filter(|n| list.has_come_back(&key(&hasher, *n), at(1_000)));
        assert!((250_000..=ENTRIES).contains(&kept.count()));
    }
}
