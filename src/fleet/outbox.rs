//! Messages of this replica, until every log holds them; and what it said lately.

use std::collections::VecDeque;
use std::time::Duration;

use super::event::{Before, Fact, fitting};
use super::row::RevocationRow;
use super::store::LOG_KEPT;
use crate::cache::Epoch;

/// The most facts that are kept to be said again. Those that are dropped are found out by
/// verifying, within the published times.
const REMEMBERED: usize = 4_096;

/// The most messages that wait for the store; what there is to say waits beside them.
const MESSAGES: usize = 512;

/// A message that was given to the store and not seen in the log is given again after this.
const SENT_AGAIN: Duration = Duration::from_secs(1);

/// Two changes of one name within this time may have been made without knowing of each other.
const CROSSING: Duration = Duration::from_secs(2);

/// Without anything to say a replica says so: others count it, and notice what they have missed.
pub(super) const BEAT: Duration = Duration::from_secs(5);

/// A message and what has become of it.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) number: u64,
    pub(super) facts: Vec<Fact>,
    /// What was known before the first of the facts.
    pub(super) before: Before,
    sent: Option<Duration>,
    /// The logs in which it has not been seen, one bit each.
    unseen: u64,
}

#[derive(Debug)]
pub(super) struct Outbox {
    logs: u64,
    /// Facts that are in no message yet, and what was known before the first of them.
    fresh: Vec<Fact>,
    before: Before,
    messages: VecDeque<Outgoing>,
    recent: VecDeque<(Duration, Fact)>,
    next_number: u64,
    spoke: Option<Duration>,
}

impl Outbox {
    /// Creates the outbox for so many logs, 64 at most.
    pub(super) fn new(logs: usize) -> Self {
        let unused = 64_usize.saturating_sub(logs.clamp(1, 64));
        Self {
            logs: u64::MAX >> unused,
            fresh: Vec::new(),
            before: Before::NOTHING,
            messages: VecDeque::new(),
            recent: VecDeque::new(),
            next_number: 1,
            spoke: None,
        }
    }

    /// Takes a fact to be told; `before` is what was known before it.
    pub(super) fn push(&mut self, fact: Fact, before: Epoch, now: Duration) {
        if self.fresh.len() >= REMEMBERED {
            return;
        }
        self.before = self.before.min(fact.before(before));
        self.recent.push_back((now, fact.clone()));
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
        self.fresh.push(fact);
    }

    /// Says everything again that was said lately: some of it may be lost.
    pub(super) fn repeat(&mut self, now: Duration, before: Epoch) {
        self.forget_old(now);
        let known = &self.recent;
        let fresh = &mut self.fresh;
        let again = known.iter().map(|(_, fact)| fact);
        let again: Vec<_> = again
            .filter(|fact| !fresh.contains(fact))
            .cloned()
            .collect();
        if !again.is_empty() {
            for fact in &again {
                self.before = self.before.min(fact.before(before));
            }
            fresh.extend(again);
        }
    }

    /// Returns what was said of a name so lately that others may not have heard of it.
    pub(super) fn added_lately(&self, name: &str, now: Duration) -> Option<RevocationRow> {
        let recent = self.recent.iter().rev();
        let recent = recent.take_while(|(said, _)| now.saturating_sub(*said) < CROSSING);
        let mut rows = recent.filter_map(|(_, fact)| match fact {
            Fact::Revoked(told, row) if **told == *name => Some(*row),
            _ => None,
        });
        rows.next()
    }

    fn forget_old(&mut self, now: Duration) {
        let is_old = |(said, _): &(Duration, Fact)| now.saturating_sub(*said) > LOG_KEPT;
        while self.recent.front().is_some_and(is_old) {
            self.recent.pop_front();
        }
    }

    /// Makes messages of what there is to say.
    pub(super) fn pack(&mut self, now: Duration) {
        let is_room = self.messages.len() < MESSAGES;
        let facts = if is_room {
            std::mem::take(&mut self.fresh)
        } else {
            Vec::new()
        };
        let before = self.before;
        if is_room {
            self.before = Before::NOTHING;
        }
        let mut rest = &facts[..];
        while !rest.is_empty() {
            let (first, others) = fitting(rest);
            self.add(first.to_vec(), before);
            rest = others;
        }
        let is_silent = self
            .spoke
            .is_none_or(|spoke| now.saturating_sub(spoke) >= BEAT);
        if is_silent && self.messages.is_empty() {
            self.add(Vec::new(), Before::NOTHING);
        }
        self.forget_old(now);
    }

    fn add(&mut self, facts: Vec<Fact>, before: Before) {
        self.messages.push_back(Outgoing {
            number: self.next_number,
            facts,
            before,
            sent: None,
            unseen: self.logs,
        });
        self.next_number = self.next_number.saturating_add(1);
    }

    /// Returns the messages that are to be given to this log now, the oldest first.
    pub(super) fn due(&self, log: usize, now: Duration) -> Vec<Outgoing> {
        let is_due = |message: &&Outgoing| {
            let waits = |sent| now.saturating_sub(sent) < SENT_AGAIN;
            message.unseen & bit(log) != 0 && !message.sent.is_some_and(waits)
        };
        self.messages
            .iter()
            .filter(is_due)
            .take(64)
            .cloned()
            .collect()
    }

    /// Notes that everything up to this number was given to the logs.
    pub(super) fn sent(&mut self, up_to: u64, now: Duration) {
        for message in self.messages.iter_mut().take_while(|it| it.number <= up_to) {
            message.sent = Some(now);
        }
        self.spoke = Some(now);
    }

    /// Notes that a message stands in a log; returns what was known before it.
    pub(super) fn seen(&mut self, log: usize, number: u64) -> Option<Before> {
        let message = self.messages.iter_mut().find(|it| it.number == number)?;
        message.unseen &= !bit(log);
        let before = message.before;
        self.messages.retain(|message| message.unseen != 0);
        Some(before)
    }

    /// Returns what was known before anything that others cannot know yet.
    pub(super) fn before(&self) -> Before {
        let packed = self.messages.iter().map(|message| message.before);
        packed.fold(self.before, Before::min)
    }

    pub(super) fn len(&self) -> usize {
        let fresh = usize::from(!self.fresh.is_empty());
        self.messages.len().saturating_add(fresh)
    }
}

fn bit(log: usize) -> u64 {
    1_u64
        .checked_shl(u32::try_from(log).unwrap_or(u32::MAX))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn fact(name: &str) -> Fact {
        Fact::ForgetName(name.into())
    }

    #[test]
    fn rule_22_a_message_is_given_again_until_every_log_holds_it() {
        let mut outbox = Outbox::new(2);
        outbox.push(fact("a"), Epoch::MAX, SECOND);
        outbox.pack(SECOND);
        let due = |outbox: &Outbox, log, at| outbox.due(log, at).len();
        assert_eq!((due(&outbox, 0, SECOND), due(&outbox, 1, SECOND)), (1, 1));
        outbox.sent(1, SECOND);
        assert_eq!(due(&outbox, 0, SECOND), 0, "it may be under way");
        assert_eq!(due(&outbox, 0, SECOND * 2), 1);
        outbox.seen(0, 1);
        assert_eq!(
            (due(&outbox, 0, SECOND * 2), due(&outbox, 1, SECOND * 2)),
            (0, 1)
        );
        outbox.seen(1, 1);
        assert_eq!(outbox.len(), 0);
    }

    #[test]
    fn rule_22_what_was_said_lately_is_said_again_and_nothing_else() {
        let mut outbox = Outbox::new(1);
        outbox.push(fact("old"), Epoch::MAX, SECOND);
        outbox.push(fact("new"), Epoch::MAX, SECOND * 300);
        outbox.pack(SECOND * 300);
        outbox.seen(0, 1);
        outbox.repeat(SECOND * 700, Epoch::MAX);
        outbox.pack(SECOND * 700);
        let due = outbox.due(0, SECOND * 700);
        assert_eq!(due.len(), 1);
        assert_eq!((due[0].number, &due[0].facts), (2, &vec![fact("new")]));
    }

    #[test]
    fn rule_22_a_replica_with_nothing_to_say_is_heard_every_five_seconds() {
        let mut outbox = Outbox::new(1);
        outbox.pack(SECOND);
        assert_eq!(outbox.due(0, SECOND).len(), 1);
        outbox.sent(1, SECOND);
        outbox.seen(0, 1);
        outbox.pack(SECOND * 5);
        assert_eq!(outbox.len(), 0);
        outbox.pack(SECOND * 6);
        assert_eq!(outbox.due(0, SECOND * 6)[0].facts, Vec::new());
    }
}
