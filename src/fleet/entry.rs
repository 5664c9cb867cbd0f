//! An entry of the store: what Clerk answered, when it was asked, and what the asker knew by then.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::seal::Sealer;
use super::store::{Incarnation, Position};
use super::wire::{Reader, Writer};
use crate::transport::Answer;

/// The largest answer that is shared; one with more claims is asked for by each replica.
const BODY_LIMIT: usize = 16_384;

/// An answer of Clerk's, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClerkAnswer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl ClerkAnswer {
    pub(crate) fn of(answer: &Answer) -> Self {
        Self {
            status: answer.status.as_u16(),
            body: answer.body.clone(),
        }
    }

    /// Returns it as it came off the wire, save for its headers: nothing that is shared depends on
    /// them. `None` for a status that there is not.
    pub(crate) fn as_answer(&self) -> Option<Answer> {
        Some(Answer {
            status: StatusCode::from_u16(self.status).ok()?,
            headers: HeaderMap::new(),
            body: self.body.clone(),
        })
    }
}

/// What is sealed under the name of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) answer: ClerkAnswer,
    /// When Clerk was asked, on the wall clock of the asker.
    pub(super) asked: Duration,
    /// The last message that the asker knew when it asked, and of which log.
    pub(super) seen: Position,
    pub(super) incarnation: Incarnation,
    /// For how long the store was told to keep it, counted from the question.
    pub(super) kept: Duration,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Entry {
    /// Returns `None` for an answer that is too large to share.
    pub(super) fn seal(&self, sealer: &Sealer, name: &str) -> Option<Bytes> {
        if self.answer.body.len() > BODY_LIMIT {
            return None;
        }
        let mut fields = Writer::default();
        fields.number(millis(self.asked)).number(millis(self.kept));
        fields.number(self.seen.millis).number(self.seen.sequence);
        fields.0.extend_from_slice(&self.incarnation);
        fields.number(self.answer.status.into());
        fields.bytes(&self.answer.body);
        sealer.seal(name, &fields.0)
    }

    pub(super) fn open(sealer: &Sealer, name: &str, sealed: &[u8]) -> Option<Self> {
        let plain = sealer.open(name, sealed)?;
        let mut fields = Reader(&plain);
        let asked = Duration::from_millis(fields.number()?);
        let kept = Duration::from_millis(fields.number()?);
        let seen = Position {
            millis: fields.number()?,
            sequence: fields.number()?,
        };
        let incarnation = fields.array()?;
        let status = u16::try_from(fields.number()?).ok()?;
        let body = Bytes::copy_from_slice(fields.bytes()?);
        fields.is_empty().then_some(Self {
            answer: ClerkAnswer { status, body },
            asked,
            seen,
            incarnation,
            kept,
        })
    }

    /// Returns how long ago Clerk was asked: by the times inside, and by the time that the store
    /// has kept it, whichever is longer. A store that lies about the one cannot change the other.
    ///
    /// Returns `None` for an entry from the future, by more than `tolerance`.
    pub(super) fn age(
        &self,
        now: Duration,
        left: Duration,
        tolerance: Duration,
    ) -> Option<Duration> {
        if self.asked > now.saturating_add(tolerance) {
            return None;
        }
        let by_clock = now.saturating_sub(self.asked);
        let by_store = self.kept.saturating_sub(left);
        Some(by_clock.max(by_store))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::keys::FleetKeys;

    fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn entry() -> Entry {
        Entry {
            answer: ClerkAnswer {
                status: 200,
                body: Bytes::from_static(b"{}"),
            },
            asked: second(1_000),
            seen: Position {
                millis: 7,
                sequence: 3,
            },
            incarnation: [9; 16],
            kept: second(126),
        }
    }

    #[test]
    fn rule_20_an_entry_comes_back_as_it_was() {
        let keys = FleetKeys::derive(&[1; 32], "https://api.clerk.com").unwrap();
        let sealed = entry().seal(keys.sealer(), "e:1").unwrap();
        assert_eq!(Entry::open(keys.sealer(), "e:1", &sealed), Some(entry()));
        assert_eq!(Entry::open(keys.sealer(), "e:2", &sealed), None);
        let mut large = entry();
        large.answer.body = vec![b' '; BODY_LIMIT + 1].into();
        assert_eq!(large.seal(keys.sealer(), "e:1"), None);
    }

    #[test]
    fn rule_21_the_age_of_an_entry_is_the_longer_of_two_counts() {
        let (entry, tolerance) = (entry(), second(5));
        // The store says that all of its time is left: the times inside count.
        assert_eq!(
            entry.age(second(1_040), second(126), tolerance),
            Some(second(40))
        );
        // The clock of the reader is late: the time of the store counts.
        assert_eq!(
            entry.age(second(998), second(100), tolerance),
            Some(second(26))
        );
        assert_eq!(entry.age(second(994), second(126), tolerance), None);
    }
}
