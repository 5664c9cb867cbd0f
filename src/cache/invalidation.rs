//! What was invalidated, and when: immediate, bounded, and safe against fills under way.
//!
//! Every invalidation takes a number from one counter, and every verification notes the counter
//! when it begins. A cached answer counts only if nothing that touches it was invalidated after its
//! verification began, however late it is filled in.
//!
//! The numbers stand in a table of fixed size, a sketch: what is invalidated writes its number into
//! one slot of each row, chosen by a keyed hash, and a slot keeps the highest. An answer is touched
//! if every one of its slots holds a number that is not older than its beginning.
//!
//! 1. What was invalidated is always touched: its slots hold its number or higher ones. No number
//!    of other invalidations, from here or from afar, changes that.
//! 2. A mark ends by itself: it touches only what began before it, and the last of that is over
//!    when the longest window (126 s with the defaults, 300 s for JWTs) has passed.
//! 3. Something else may be touched by chance, if its slots are all written to by others within its
//!    window. That is so for each name in less than 1 of 10⁸ cases after 5 000 invalidations within
//!    one window, 1 of 40 000 after 20 000, 1 of 40 after 65 536, and nearly always after 300 000.
//!    So there is no bound past which all is forgotten at once.
//! 4. An answer that is touched, by chance or not, is asked about again before it is used, as a
//!    known token's ([`CacheState::Invalidated`](super::verdicts::CacheState)): that costs a call from the share
//!    of known tokens, as the budget allows. While Clerk cannot be asked it is not used: nobody can
//!    tell which of the two it is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::key::{CacheKey, Domain, KeyHasher};
use crate::invalidate::Invalidate;

/// A reading of the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Epoch(u64);

/// The invalidations there were.
#[derive(Debug)]
pub(crate) struct Invalidations {
    counter: AtomicU64,
    /// All that began below this reading is invalidated.
    floor: AtomicU64,
    /// Made by the first invalidation: 4 MiB.
    sketch: OnceLock<Sketch>,
    hasher: Arc<KeyHasher>,
}

impl Invalidations {
    pub(crate) const fn new(hasher: Arc<KeyHasher>) -> Self {
        Self {
            counter: AtomicU64::new(0),
            floor: AtomicU64::new(0),
            sketch: OnceLock::new(),
            hasher,
        }
    }

    pub(crate) fn now(&self) -> Epoch {
        Epoch(self.counter.load(Ordering::Acquire))
    }

    /// Returns `true` if an answer whose verification began at `began` still counts.
    pub(crate) fn is_current<'a>(
        &self,
        epoch: Epoch,
        key: &CacheKey,
        names: impl FnOnce() -> [&'a str; 2],
    ) -> bool {
        // The common case costs one load: nothing was invalidated since.
        if epoch == self.now() {
            return true;
        }
        let touches = |sketch: &Sketch| {
            sketch.touches(key, epoch)
                || names()
                    .into_iter()
                    .filter(|name| !name.is_empty())
                    .any(|name| sketch.touches(&self.key(name), epoch))
        };
        self.floor.load(Ordering::Relaxed) <= epoch.0 && !self.sketch.get().is_some_and(touches)
    }

    pub(crate) fn invalidate_all(&self) {
        self.publish(|mark| {
            self.floor.fetch_max(mark, Ordering::Relaxed);
        });
    }

    pub(crate) fn invalidate_key(&self, key: CacheKey) {
        let sketch = self.sketch.get_or_init(Sketch::new);
        self.publish(|mark| sketch.set(&key, mark));
    }

    /// Forgets what belongs to a token id or a subject.
    pub(crate) fn invalidate_tag(&self, name: &str) {
        self.invalidate_key(self.key(name));
    }

    /// Invalidates the verdict on a token, whatever its type.
    pub(crate) fn invalidate_token(&self, token: &str) {
        for domain in [Domain::Jwt, Domain::M2m, Domain::ApiKey, Domain::OAuth] {
            self.invalidate_key(self.hasher.key(domain, token.as_bytes()));
        }
    }

    fn key(&self, name: &str) -> CacheKey {
        self.hasher.key(Domain::Identifier, name.as_bytes())
    }

    /// Writes the mark before the counter moves, so that whoever reads the new counter sees it.
    ///
    /// Of two that come at once both may take one number. What began between them read the counter
    /// after both had been called, and so asked Clerk after both.
    fn publish(&self, write: impl FnOnce(u64)) {
        write(self.counter.load(Ordering::Acquire).saturating_add(1));
        self.counter.fetch_add(1, Ordering::AcqRel);
    }
}

impl Invalidate for Invalidations {
    fn invalidate_id(&self, id: &str) {
        self.invalidate_tag(id);
    }

    fn invalidate_subject(&self, subject: &str) {
        self.invalidate_tag(subject);
        // A cached "no" has no tags, only its key: a machine that was just allowed to reach this one
        // must not wait for that to end.
        let machine = self.hasher.key(Domain::Machine, subject.as_bytes());
        self.invalidate_key(machine);
    }
}

/// A slot is found by 16 bits of a key; a key has room for eight.
const ROWS: usize = 8;
const SLOTS: usize = 1 << 16;

/// For each slot, the highest mark that was written to it; what began below it is touched.
#[derive(Debug)]
struct Sketch(Box<[Box<[AtomicU64]>]>);

impl Sketch {
    fn new() -> Self {
        let row = || (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self((0..ROWS).map(|_| row()).collect())
    }

    fn set(&self, key: &CacheKey, mark: u64) {
        for slot in self.slots(key) {
            slot.fetch_max(mark, Ordering::Relaxed);
        }
    }

    fn touches(&self, key: &CacheKey, epoch: Epoch) -> bool {
        self.slots(key)
            .all(|slot| slot.load(Ordering::Relaxed) > epoch.0)
    }

    fn slots(&self, key: &CacheKey) -> impl Iterator<Item = &AtomicU64> {
        let parts = key.random_parts();
        let rows = self.0.iter().zip(parts);
        rows.filter_map(|(row, part)| row.get(usize::from(part)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invalidations() -> (Invalidations, [CacheKey; 2]) {
        let hasher = KeyHasher::new().unwrap();
        let keys = [b"a", b"b"].map(|text| hasher.key(Domain::M2m, text));
        (Invalidations::new(Arc::new(hasher)), keys)
    }

    #[test]
    fn rule_10_a_mark_hits_what_began_before_it_and_nothing_else() {
        let (invalidations, [a, b]) = invalidations();
        let before = invalidations.now();
        invalidations.invalidate_tag("mt_1");
        let after = invalidations.now();
        assert!(!invalidations.is_current(before, &a, || ["mt_1", "mch_1"]));
        assert!(!invalidations.is_current(before, &a, || ["x", "mt_1"]));
        assert!(invalidations.is_current(before, &a, || ["mt_2", "mch_1"]));
        assert!(invalidations.is_current(after, &a, || ["mt_1", "mch_1"]));
        invalidations.invalidate_key(a);
        assert!(
            !invalidations.is_current(after, &a, || ["", ""])
                && invalidations.is_current(after, &b, || ["", ""])
        );
        invalidations.invalidate_all();
        assert!(
            !invalidations.is_current(after, &b, || ["", ""])
                && invalidations.is_current(invalidations.now(), &a, || ["", ""])
        );
    }

    #[test]
    fn rule_10_what_has_no_name_is_not_invalidated_by_an_empty_one() {
        let (invalidations, [a, _]) = invalidations();
        let before = invalidations.now();
        invalidations.invalidate_tag("");
        assert!(invalidations.is_current(before, &a, || ["", "mch_1"]));
    }

    /// How many of 2 000 untouched answers are touched after so many marks on other names.
    fn touched_by_chance(invalidations: &Invalidations, count: usize) -> usize {
        let before = invalidations.now();
        invalidations.invalidate_tag("invalidated");
        for n in 0..count {
            invalidations.invalidate_tag(&format!("mt_{n}"));
        }
        let kept =
            |name: &str| invalidations.is_current(before, &invalidations.key(name), || [name, ""]);
        assert!(!kept("invalidated"), "whatever comes after");
        (0..2_000).filter(|n| !kept(&format!("other {n}"))).count()
    }

    #[test]
    fn rule_10_marks_take_bounded_space_and_fail_closed() {
        for (count, most, least) in [
            (5_000, 0, 0),
            (20_000, 5, 0),
            (65_536, 300, 0),
            (1_000_000, 2_000, 1_990),
        ] {
            let (invalidations, _) = invalidations();
            let touched = touched_by_chance(&invalidations, count);
            assert!((least..=most).contains(&touched), "{count}: {touched}");
        }
    }

    #[test]
    fn rule_10_what_begins_after_any_number_of_marks_is_kept() {
        let (invalidations, _) = invalidations();
        assert!(touched_by_chance(&invalidations, 500_000) > 0);
        assert_eq!(
            touched_by_chance(&invalidations, 10),
            0,
            "all of it is over"
        );
    }

    #[test]
    fn rule_10_marks_of_many_threads_are_all_seen() {
        let (invalidations, _) = invalidations();
        let before = invalidations.now();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let invalidations = &invalidations;
                scope.spawn(move || {
                    for n in 0..1_000 {
                        let name = format!("{thread} {n}");
                        invalidations.invalidate_tag(&name);
                        let kept = invalidations
                            .is_current(before, &invalidations.key(""), || [&name, ""]);
                        assert!(!kept, "{name}");
                    }
                });
            }
        });
    }
}
