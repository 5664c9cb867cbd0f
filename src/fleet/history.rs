//! What a replica has read of the log, and whether it has read all of it.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::event::Before;
use super::store::{Incarnation, LOG_KEPT, Polled, Position};

/// The most messages whose effect on imported entries is remembered; older entries are not used.
const REMEMBERED: usize = 4_096;

/// A replica that was not heard for so long is no member any more: three of its beats.
pub(super) const MEMBER_FOR: Duration = Duration::from_secs(15);

/// Why a replica cannot know what others have told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// The store has lost its memory.
    Emptied,
    /// The log ends before what was read of it already.
    RolledBack,
    /// The log begins after what was read of it.
    Trimmed,
    /// A message of somebody is missing.
    Hole,
}

/// What is made of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receipt {
    New,
    /// It has been read before.
    Duplicate,
    /// It is new, and one that came before it is missing.
    AfterHole,
}

/// What was read of one log.
#[derive(Debug)]
pub(super) struct History {
    incarnation: Option<Incarnation>,
    cursor: Position,
    /// Entries whose asker knew less than this are not used.
    floor: Position,
    /// For each message that touched something, the epoch before it did.
    touched: VecDeque<(Position, Before)>,
    senders: HashMap<u64, Sender>,
}

#[derive(Debug)]
struct Sender {
    highest: u64,
    /// The numbers up to the highest that were read: one bit each, that of the highest last.
    window: u64,
    heard: Duration,
    calls: u64,
}

impl History {
    pub(super) fn new() -> Self {
        Self {
            incarnation: None,
            cursor: Position::END,
            floor: Position::END,
            touched: VecDeque::new(),
            senders: HashMap::new(),
        }
    }

    pub(super) const fn cursor(&self) -> Position {
        self.cursor
    }

    pub(super) const fn incarnation(&self) -> Option<Incarnation> {
        self.incarnation
    }

    /// Begins to read: what came in the last `longest` matters to entries that may still be used.
    pub(super) fn begin(&mut self, polled: &Polled, longest: Duration) {
        let now = u64::try_from(polled.time.as_millis()).unwrap_or(u64::MAX);
        let end = polled.bounds.map_or(now, |(_, end)| end.millis.min(now));
        let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        self.cursor = Position {
            millis: end.saturating_sub(longest),
            sequence: 0,
        };
        self.floor = self.cursor;
        self.incarnation = Some(polled.incarnation);
    }

    pub(super) const fn has_begun(&self) -> bool {
        self.incarnation.is_some()
    }

    /// Returns why this part of the log does not follow on what was read, if it does not; reading
    /// begins anew then.
    pub(super) fn check(&mut self, polled: &Polled) -> Option<Gap> {
        let gap = self.find_gap(polled)?;
        self.incarnation = Some(polled.incarnation);
        if gap != Gap::Trimmed {
            self.cursor = Position::START;
            self.touched.clear();
        }
        self.floor = self.cursor;
        Some(gap)
    }

    fn find_gap(&self, polled: &Polled) -> Option<Gap> {
        if self.incarnation != Some(polled.incarnation) {
            return Some(Gap::Emptied);
        }
        // Nothing was read but what a new replica has to: the log may well begin later.
        if self.cursor == self.floor {
            return None;
        }
        match polled.bounds {
            None => Some(Gap::RolledBack),
            Some((_, end)) if end < self.cursor => Some(Gap::RolledBack),
            Some((first, _)) if first > self.cursor => Some(Gap::Trimmed),
            Some(_) => None,
        }
    }

    /// Notes that everything up to this position was read.
    pub(super) fn advance(&mut self, position: Position) {
        self.cursor = self.cursor.max(position);
    }

    /// Notes a message of a sender.
    pub(super) fn receive(
        &mut self,
        sender: u64,
        number: u64,
        calls: u64,
        now: Duration,
    ) -> Receipt {
        let Some(known) = self.senders.get_mut(&sender) else {
            let first = Sender {
                highest: number,
                // Those from before are not missed: their effects were not either.
                window: u64::MAX,
                heard: now,
                calls,
            };
            self.senders.insert(sender, first);
            return Receipt::New;
        };
        known.heard = now;
        known.calls = known.calls.max(calls);
        known.receive(number)
    }

    /// Notes that something is touched from here on, and that what was known at `before` is not
    /// known to be good any more.
    pub(super) fn touch(&mut self, position: Position, before: Before) {
        if self.touched.len() >= REMEMBERED
            && let Some((oldest, _)) = self.touched.pop_front()
        {
            self.floor = self.floor.max(oldest);
        }
        self.touched.push_back((position, before));
    }

    /// Returns since when an entry is known whose asker had read up to `seen`: what was forgotten
    /// since then forgets the entry, too. `None` if nobody can tell.
    pub(super) fn before(&self, incarnation: Incarnation, seen: Position) -> Option<Before> {
        if self.incarnation != Some(incarnation) || seen < self.floor {
            return None;
        }
        let later = self.touched.iter().rev();
        let later = later.take_while(|(position, _)| *position > seen);
        Some(later.fold(Before::NOTHING, |first, (_, before)| first.min(*before)))
    }

    /// Returns how many replicas were heard of lately, this one among them.
    pub(super) fn members(&self, now: Duration) -> usize {
        let heard = |sender: &&Sender| now.saturating_sub(sender.heard) < MEMBER_FOR;
        self.senders.values().filter(heard).count().max(1)
    }

    /// Returns how many calls the members have made.
    pub(super) fn calls(&self) -> u64 {
        let calls = self.senders.values().map(|sender| sender.calls);
        calls.fold(0, u64::saturating_add)
    }

    /// Forgets senders that nothing can come from any more.
    pub(super) fn prune(&mut self, now: Duration) {
        self.senders
            .retain(|_, sender| now.saturating_sub(sender.heard) < LOG_KEPT);
    }
}

impl Sender {
    fn receive(&mut self, number: u64) -> Receipt {
        let Some(ahead) = number.checked_sub(self.highest).filter(|ahead| *ahead > 0) else {
            return self.receive_late(self.highest.saturating_sub(number));
        };
        self.highest = number;
        self.window = shifted(self.window, ahead) | 1;
        if ahead == 1 {
            Receipt::New
        } else {
            Receipt::AfterHole
        }
    }

    fn receive_late(&mut self, behind: u64) -> Receipt {
        let bit = shifted(1, behind);
        if bit == 0 || self.window & bit != 0 {
            return Receipt::Duplicate;
        }
        self.window |= bit;
        Receipt::New
    }
}

fn shifted(word: u64, by: u64) -> u64 {
    let by = u32::try_from(by).unwrap_or(u32::MAX);
    word.checked_shl(by).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{CacheKey, Epoch, Invalidations, KeyHasher};
    use crate::fleet::event::Fact;
    use std::sync::Arc;

    const NOW: Duration = Duration::from_secs(1_000);

    fn at(millis: u64) -> Position {
        Position {
            millis,
            sequence: 0,
        }
    }

    fn polled(name: u8, bounds: Option<(u64, u64)>) -> Polled {
        Polled {
            time: NOW,
            incarnation: [name; 16],
            bounds: bounds.map(|(first, last)| (at(first), at(last))),
            messages: Vec::new(),
            rows: 0,
        }
    }

    fn history() -> History {
        let mut history = History::new();
        history.begin(&polled(1, Some((1, 999_000))), Duration::from_secs(136));
        history.advance(at(999_000));
        history
    }

    #[test]
    fn rule_22_a_log_that_does_not_follow_on_what_was_read_is_noticed() {
        for (polled, gap) in [
            (polled(1, Some((1, 999_000))), None),
            (polled(1, Some((999_000, 999_500))), None),
            (polled(2, Some((1, 999_000))), Some(Gap::Emptied)),
            (polled(1, None), Some(Gap::RolledBack)),
            (polled(1, Some((1, 998_999))), Some(Gap::RolledBack)),
            (polled(1, Some((999_001, 999_500))), Some(Gap::Trimmed)),
        ] {
            let mut history = history();
            assert_eq!(history.check(&polled), gap, "{polled:?}");
            assert_eq!(
                history.check(&polled),
                None,
                "it is noticed once: {polled:?}"
            );
        }
    }

    #[test]
    fn rule_22_a_message_that_is_missing_is_noticed_and_one_that_comes_twice_does_nothing() {
        let mut history = history();
        let mut receive = |number| history.receive(7, number, 0, NOW);
        assert_eq!(receive(10), Receipt::New);
        assert_eq!(receive(11), Receipt::New);
        assert_eq!(receive(11), Receipt::Duplicate);
        assert_eq!(receive(9), Receipt::Duplicate);
        assert_eq!(receive(14), Receipt::AfterHole);
        assert_eq!(receive(13), Receipt::New);
        assert_eq!(receive(13), Receipt::Duplicate);
        assert_eq!(receive(100), Receipt::AfterHole);
        assert_eq!(receive(36), Receipt::Duplicate);
    }

    #[test]
    fn rule_22_an_entry_counts_from_before_what_its_asker_had_not_read() {
        let invalidations = Invalidations::new(Arc::new(KeyHasher::new().unwrap()));
        let mut history = history();
        let mut touch = |position, fact: Fact| {
            let before = fact.before(invalidations.now());
            history.touch(at(position), before);
            invalidations.apply_tag("x");
            before
        };
        let first = touch(999_100, Fact::ForgetAll);
        let second = touch(999_200, Fact::Rejected(CacheKey::from_halves(1, 2)));
        let before = |seen, name: u8| history.before([name; 16], at(seen));
        assert_eq!(before(999_200, 1), Some(Before::NOTHING));
        assert_eq!(before(999_199, 1), Some(second));
        assert_eq!(second.rejected, Epoch::MAX, "a no says the same");
        assert_eq!(before(999_050, 1), Some(first));
        assert_eq!(before(800_000, 1), None, "older than what was read");
        assert_eq!(before(999_200, 2), None, "of another log");
    }

    #[test]
    fn rule_24_members_are_those_that_were_heard_of_lately() {
        let mut history = history();
        for sender in 0..5 {
            history.receive(sender, 1, 10, NOW);
        }
        assert_eq!((history.members(NOW), history.calls()), (5, 50));
        history.receive(3, 2, 12, NOW + MEMBER_FOR);
        assert_eq!(history.members(NOW + MEMBER_FOR), 1);
        history.prune(NOW + LOG_KEPT);
        assert_eq!(history.senders.len(), 1);
    }
}
