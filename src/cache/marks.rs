//! What was invalidated, and when: exact, immediate, and safe against fills under way.
//!
//! Every invalidation takes a number from one counter, and every verification notes the counter
//! when it begins. A remembered answer counts only if nothing that touches it was invalidated
//! after its verification began, however late it is filled in.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::key::{BuildKeyHasher, CacheKey};

/// Marks that are kept apart; past it, one more forgets everything, which is always safe.
const MAX_MARKS: usize = 4_096;

/// A reading of the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Epoch(u64);

/// The marks that were set.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    counter: AtomicU64,
    set: ArcSwap<Set>,
    writing: Mutex<()>,
}

#[derive(Debug, Clone, Default)]
struct Set {
    /// Everything that began at this reading or earlier is forgotten.
    floor: Option<u64>,
    names: HashMap<Box<str>, u64>,
    keys: HashMap<CacheKey, u64, BuildKeyHasher>,
}

impl Marks {
    pub(crate) fn now(&self) -> Epoch {
        Epoch(self.counter.load(Ordering::Acquire))
    }

    /// Tells whether an answer whose verification began at `began` still counts.
    pub(crate) fn keeps<'a>(
        &self,
        began: Epoch,
        key: &CacheKey,
        names: impl FnOnce() -> [&'a str; 2],
    ) -> bool {
        // The common case costs one load: nothing was invalidated since.
        if began == self.now() {
            return true;
        }
        let set = self.set.load();
        let before = |mark: Option<&u64>| mark.is_none_or(|mark| *mark < began.0);
        before(set.floor.as_ref())
            && before(set.keys.get(key))
            && names().iter().all(|name| before(set.names.get(*name)))
    }

    pub(crate) fn forget_all(&self) {
        self.change(|set, mark| {
            *set = Set {
                floor: Some(mark),
                ..Set::default()
            }
        });
    }

    pub(crate) fn forget_key(&self, key: CacheKey) {
        self.change(|set, mark| {
            set.keys.insert(key, mark);
        });
    }

    /// Forgets what belongs to a token id or a subject.
    pub(crate) fn forget_name(&self, name: &str) {
        self.change(|set, mark| {
            set.names.insert(name.into(), mark);
        });
    }

    /// Publishes the new set before the counter, so that whoever reads the new counter sees it.
    fn change(&self, edit: impl FnOnce(&mut Set, u64)) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = self.counter.load(Ordering::Acquire);
        let mut set = Set::clone(&self.set.load());
        edit(&mut set, mark);
        if set.names.len().saturating_add(set.keys.len()) > MAX_MARKS {
            set = Set {
                floor: Some(mark),
                ..Set::default()
            };
        }
        self.set.store(set.into());
        self.counter
            .store(mark.saturating_add(1), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::key::{Domain, KeyHasher};

    fn keys() -> (CacheKey, CacheKey) {
        let hasher = KeyHasher::new().unwrap();
        (hasher.key(Domain::M2m, b"a"), hasher.key(Domain::M2m, b"b"))
    }

    #[test]
    fn rule_10_a_mark_hits_what_began_before_it_and_nothing_else() {
        let (a, b) = keys();
        let marks = Marks::default();
        let before = marks.now();
        marks.forget_name("mt_1");
        let after = marks.now();
        assert!(!marks.keeps(before, &a, || ["mt_1", "mch_1"]));
        assert!(!marks.keeps(before, &a, || ["x", "mt_1"]));
        assert!(marks.keeps(before, &a, || ["mt_2", "mch_1"]));
        assert!(marks.keeps(after, &a, || ["mt_1", "mch_1"]));
        marks.forget_key(a);
        assert!(!marks.keeps(after, &a, || ["", ""]) && marks.keeps(after, &b, || ["", ""]));
        marks.forget_all();
        assert!(!marks.keeps(after, &b, || ["", ""]) && marks.keeps(marks.now(), &a, || ["", ""]));
    }

    #[test]
    fn rule_10_marks_are_bounded_and_fail_closed() {
        let (a, _) = keys();
        let marks = Marks::default();
        let before = marks.now();
        for n in 0..MAX_MARKS {
            marks.forget_name(&n.to_string());
        }
        assert_eq!(marks.set.load().names.len(), MAX_MARKS);
        assert!(marks.keeps(before, &a, || ["untouched", ""]));
        marks.forget_name("one more");
        assert!(marks.set.load().names.is_empty());
        assert!(!marks.keeps(before, &a, || ["untouched", ""]));
    }
}
