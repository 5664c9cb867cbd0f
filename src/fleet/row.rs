//! What the list of revocations of a fleet says about one name.

use std::cmp::Ordering;
use std::time::Duration;

use super::wire::{Reader, Writer};
use crate::identity::UnixMillis;

/// What is refused of a name; zero stands for nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Everything is refused until then.
    pub(crate) all_until: UnixMillis,
    /// What was issued before this …
    pub(crate) before: UnixMillis,
    /// … is refused until then.
    pub(crate) before_until: UnixMillis,
}

/// An entry of the shared list, in a form that all replicas come to agree on in whatever order
/// they hear of its changes.
///
/// Additions take the stricter of each time. Taking a name back begins a new generation of its row,
/// which takes the place of the former ones as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RevocationRow {
    pub(crate) refusal: Refusal,
    /// How often the name was taken back, and when last.
    generation: u64,
    removed: UnixMillis,
    /// What was refused when it was last taken back.
    taken_back: Refusal,
}

impl Refusal {
    fn merge(self, other: Self) -> Self {
        Self {
            all_until: self.all_until.max(other.all_until),
            before: self.before.max(other.before),
            before_until: self.before_until.max(other.before_until),
        }
    }
}

impl RevocationRow {
    /// Adds what `with` refuses to what is refused.
    pub(super) fn add(self, with: Refusal) -> Self {
        Self {
            refusal: self.refusal.merge(with),
            ..self
        }
    }

    /// Takes back what is refused.
    pub(super) fn remove(self, now: UnixMillis) -> Self {
        Self {
            refusal: Refusal::default(),
            generation: self.generation.saturating_add(1),
            removed: now,
            taken_back: self.refusal,
        }
    }

    pub(super) fn merge(self, other: Self) -> Self {
        match self.generation.cmp(&other.generation) {
            Ordering::Less => other,
            Ordering::Greater => self,
            Ordering::Equal => Self {
                refusal: self.refusal.merge(other.refusal),
                generation: self.generation,
                removed: self.removed.max(other.removed),
                taken_back: self.taken_back.merge(other.taken_back),
            },
        }
    }

    /// Returns `true` if this row was taken back by somebody who did not know of what `other` says.
    pub(super) fn crosses(self, other: Self) -> bool {
        let knew = self.taken_back.merge(other.refusal) == self.taken_back;
        self.generation > other.generation && !knew
    }

    /// Returns when the row says nothing any more. That something was taken back is kept for as long
    /// as a message that says otherwise may be under way.
    pub(super) fn end(self) -> UnixMillis {
        let told = UnixMillis::from_duration(Duration::from_secs(3_600));
        let end = self.refusal.all_until.max(self.refusal.before_until);
        let removed = (self.generation > 0).then(|| self.removed.plus(told));
        end.max(removed.unwrap_or_default())
    }

    pub(super) fn write(self, fields: &mut Writer) {
        fields.number(self.generation).number(self.removed.0);
        for refusal in [self.refusal, self.taken_back] {
            for time in [refusal.all_until, refusal.before, refusal.before_until] {
                fields.number(time.0);
            }
        }
    }

    pub(super) fn read(fields: &mut Reader<'_>) -> Option<Self> {
        let generation = fields.number()?;
        let mut time = || fields.number().map(UnixMillis);
        let removed = time()?;
        let mut refusal = || {
            Some(Refusal {
                all_until: time()?,
                before: time()?,
                before_until: time()?,
            })
        };
        Some(Self {
            generation,
            removed,
            refusal: refusal()?,
            taken_back: refusal()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOREVER: UnixMillis = UnixMillis(u64::MAX);

    fn all(until: UnixMillis) -> Refusal {
        Refusal {
            all_until: until,
            ..Refusal::default()
        }
    }

    /// Some histories of one name, as several replicas may have written them.
    fn rows() -> Vec<RevocationRow> {
        let none = RevocationRow::default();
        let before = Refusal {
            before: UnixMillis(7),
            before_until: FOREVER,
            ..Refusal::default()
        };
        let removed = none.add(all(FOREVER)).remove(UnixMillis(5));
        vec![
            none,
            none.add(all(FOREVER)),
            removed,
            removed.add(before),
            none.add(before),
            none.add(before).remove(UnixMillis(30)),
            removed
                .add(before)
                .remove(UnixMillis(40))
                .add(all(UnixMillis(9))),
        ]
    }

    #[test]
    fn rule_22_replicas_agree_in_whatever_order_they_hear() {
        for a in rows() {
            for b in rows() {
                assert_eq!(a.merge(b), b.merge(a));
                assert_eq!(a.merge(b), a.merge(b).merge(b));
                for c in rows() {
                    assert_eq!(
                        a.merge(b).merge(c),
                        a.merge(b.merge(c)),
                        "{a:?} {b:?} {c:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn rule_22_additions_take_the_stricter_and_a_removal_takes_what_it_knew_of() {
        let added = RevocationRow::default().add(all(UnixMillis(10)));
        let both = added.merge(RevocationRow::default().add(all(FOREVER)));
        assert_eq!(both.refusal, all(FOREVER));
        let removed = both.remove(UnixMillis(1));
        assert_eq!(added.merge(removed).refusal, Refusal::default());
        assert!(!removed.crosses(both) && !removed.crosses(added));
        assert!(added.remove(UnixMillis(1)).crosses(both));
        assert_eq!(removed.add(all(FOREVER)).merge(both).refusal, all(FOREVER));
        assert_eq!(
            (both.end(), removed.end()),
            (FOREVER, UnixMillis(3_600_001))
        );
    }
}
