//! Records what was invalidated, and when. Invalidations are immediate, and safe against verifications
//! in flight.
//!
//! Every invalidation takes a number from one counter, and every verification reads the counter when it
//! starts. A cached verdict is current only if nothing that affects it was invalidated after its
//! verification started, no matter how late the verdict is inserted.
//!
//! The numbers are stored in a table of fixed size, a sketch. An invalidation writes its number into
//! one slot of each row. A keyed hash chooses the slots, and a slot keeps the highest number. A verdict
//! is affected if each of its slots holds a number that is not lower than the one its verification
//! started with.
//!
//! 1. An invalidated verdict is always affected: its slots hold its number or higher ones. No number of
//!    other invalidations changes that.
//! 2. An invalidation expires by itself. It affects only verifications that started before it, and the
//!    last of their verdicts expires after the longest TTL (126 s with the defaults, 300 s for JWTs).
//! 3. An unrelated verdict may be affected by chance, if other invalidations wrote to all of its slots
//!    within its TTL. The probability for each key is less than 1 in 10⁸ after 5 000 invalidations
//!    within one TTL, 1 in 40 000 after 20 000, 1 in 40 after 65 536, and almost 1 after 300 000. There
//!    is therefore no limit beyond which everything is invalidated at once.
//! 4. A verdict that is affected, by chance or not, is verified again before it is used, with the
//!    priority of a known token ([`CacheState::Invalidated`](super::verdicts::CacheState)). That takes
//!    one call from the budget of known tokens. While Clerk cannot be called, the verdict is not used,
//!    because nothing distinguishes the two cases.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use super::key::{CacheKey, Domain, KeyHasher};
use crate::invalidate::Invalidate;

/// A reading of the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Epoch(u64);

impl Epoch {
    /// A reading later than any.
    pub(crate) const MAX: Self = Self(u64::MAX);
}

/// Passes invalidations on to other processes.
///
/// It is called before an invalidation takes effect here, so that nobody reads a counter that has
/// moved for something that nobody else will be told.
pub(crate) trait Broadcast: Debug + Send + Sync + 'static {
    /// What has this text in this domain, a token or a machine.
    fn invalidated(&self, domain: Domain, text: &[u8]);

    /// A token that was good is bad.
    fn rejected(&self, key: CacheKey);

    fn invalidated_tag(&self, tag: &str);

    fn invalidated_all(&self);
}

/// The recorded invalidations.
#[derive(Debug)]
pub(crate) struct Invalidations {
    counter: AtomicU64,
    /// Every verification that started below this reading is invalidated.
    floor: AtomicU64,
    /// All that began below this reading is to be renewed, and counts meanwhile.
    due: AtomicU64,
    /// Allocated by the first invalidation: 4 MiB.
    sketch: OnceLock<Sketch>,
    hasher: Arc<KeyHasher>,
    broadcast: OnceLock<Weak<dyn Broadcast>>,
}

impl Invalidations {
    pub(crate) const fn new(hasher: Arc<KeyHasher>) -> Self {
        Self {
            counter: AtomicU64::new(0),
            floor: AtomicU64::new(0),
            due: AtomicU64::new(0),
            sketch: OnceLock::new(),
            hasher,
            broadcast: OnceLock::new(),
        }
    }

    /// Tells this one of every invalidation of this process.
    pub(crate) fn set_broadcast(&self, broadcast: Weak<dyn Broadcast>) {
        let _set_once = self.broadcast.set(broadcast);
    }

    pub(crate) fn now(&self) -> Epoch {
        Epoch(self.counter.load(Ordering::Acquire))
    }

    /// Returns `true` if the verdict of a verification that started at `began` is still current.
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

    /// Returns `true` if such an answer counts, and need not be verified again ahead of its time.
    pub(crate) fn is_settled<'a>(
        &self,
        epoch: Epoch,
        key: &CacheKey,
        names: impl FnOnce() -> [&'a str; 2],
    ) -> bool {
        epoch == self.now() || (!self.is_due(epoch) && self.is_current(epoch, key, names))
    }

    /// Returns `true` for an answer that is to be verified again when it is next used.
    pub(crate) fn is_due(&self, epoch: Epoch) -> bool {
        self.due.load(Ordering::Relaxed) > epoch.0
    }

    /// Has everything verified again when it is next used; it counts until then.
    pub(crate) fn make_due(&self) {
        self.publish(|mark| {
            self.due.fetch_max(mark, Ordering::Relaxed);
        });
    }

    pub(crate) fn invalidate_all(&self) {
        self.tell(Broadcast::invalidated_all);
        self.apply_all();
    }

    /// Forgets what has this text in this domain.
    pub(crate) fn invalidate_text(&self, domain: Domain, text: &[u8]) {
        self.tell(|broadcast| broadcast.invalidated(domain, text));
        self.apply_key(self.hasher.key(domain, text));
    }

    /// Forgets what belongs to a token id or a subject.
    pub(crate) fn invalidate_tag(&self, name: &str) {
        self.tell(|broadcast| broadcast.invalidated_tag(name));
        self.apply_tag(name);
    }

    /// Says that a token which was good was found to be bad; whoever found it has forgotten it.
    pub(super) fn found_bad(&self, key: CacheKey) {
        self.tell(|broadcast| broadcast.rejected(key));
    }

    fn tell(&self, what: impl FnOnce(&dyn Broadcast)) {
        if let Some(broadcast) = self.broadcast.get().and_then(Weak::upgrade) {
            what(&*broadcast);
        }
    }

    /// Forgets everything, and tells nobody: this was heard of.
    pub(crate) fn apply_all(&self) {
        self.publish(|mark| {
            self.floor.fetch_max(mark, Ordering::Relaxed);
        });
    }

    pub(crate) fn apply_key(&self, key: CacheKey) {
        let sketch = self.sketch.get_or_init(Sketch::new);
        self.publish(|mark| sketch.set(&key, mark));
    }

    pub(crate) fn apply_tag(&self, name: &str) {
        self.apply_key(self.key(name));
    }

    /// Invalidates the verdict on a token, whatever its type.
    pub(crate) fn invalidate_token(&self, token: &str) {
        for domain in [Domain::Jwt, Domain::M2m, Domain::ApiKey, Domain::OAuth] {
            self.invalidate_text(domain, token.as_bytes());
        }
    }

    fn key(&self, name: &str) -> CacheKey {
        self.hasher.key(Domain::Identifier, name.as_bytes())
    }

    /// Writes the number before the counter moves, so that a reader of the new counter also sees the
    /// number.
    ///
    /// Two concurrent invalidations may get the same number. A verification that started between them
    /// read the counter after both were called, and therefore called Clerk after both.
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
        // A cached rejection has no tags, only its key. A machine that was just allowed to reach this
        // one must not have to wait until the rejection expires.
        self.invalidate_text(Domain::Machine, subject.as_bytes());
    }
}

/// Eight rows: a slot is chosen by 16 bits of a key, and a key of 128 bits has enough for eight.
const ROWS: usize = 8;
const SLOTS: usize = 1 << 16;

/// The highest number that was written to each slot. A verification that started below it is affected.
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
        invalidations.apply_key(a);
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

    /// Returns how many of 2 000 unrelated verdicts are affected after `count` invalidations of other
    /// keys.
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
