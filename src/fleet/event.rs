//! The messages that replicas send to each other through the log.

use std::time::Duration;

use bytes::Bytes;

use super::row::RevocationRow;
use super::seal::Sealer;
use super::wire::{Reader, Writer};
use crate::cache::{CacheKey, Epoch};

/// Longer identifiers than this are not told to others; Clerk has none.
pub(super) const NAME_LIMIT: usize = 512;

/// The most that the facts of one message take, so that it fits its bound once it is sealed.
const FACTS_LIMIT: usize = 3_072;

/// What one replica has learnt and all have to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fact {
    /// What is known of this token or machine is over.
    ///
    /// It has a key in the caches of those who write each log; read from a log, it has that log's.
    ForgetKey(Box<[CacheKey]>),
    /// This token or machine was good and is bad.
    Rejected(CacheKey),
    /// What is known of the token or subject with this identifier is over.
    ForgetName(Box<str>),
    /// Everything that is known is over.
    ForgetAll,
    /// The list of revocations says this about a name.
    Revoked(Box<str>, RevocationRow),
}

/// What was known before something that touches it: of good tokens, and of bad ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Before {
    pub(super) valid: Epoch,
    pub(super) rejected: Epoch,
}

impl Before {
    /// Before anything that there will be.
    pub(super) const NOTHING: Self = Self {
        valid: Epoch::MAX,
        rejected: Epoch::MAX,
    };

    pub(super) fn min(self, other: Self) -> Self {
        Self {
            valid: self.valid.min(other.valid),
            rejected: self.rejected.min(other.rejected),
        }
    }
}

/// A message, as it is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// The replica that sends it, by a random number that it draws when it starts.
    pub(super) sender: u64,
    /// Counts the messages of a sender, so that one that is missing is noticed.
    pub(super) number: u64,
    /// On the wall clock of the sender.
    pub(super) sent: Duration,
    /// How many calls to Clerk the sender has made.
    pub(super) calls: u64,
    pub(super) facts: Vec<Fact>,
}

impl Fact {
    /// Returns it as it is written to the log with this index.
    pub(super) fn of_log(&self, index: usize) -> Self {
        match self {
            Self::ForgetKey(keys) => {
                Self::ForgetKey(keys.get(index).copied().into_iter().collect())
            }
            fact => fact.clone(),
        }
    }

    /// Returns what was known before it, given what is known now.
    pub(super) fn before(&self, now: Epoch) -> Before {
        match self {
            // A no that was found meanwhile is one more of the same.
            Self::Rejected(_) => Before {
                valid: now,
                rejected: Epoch::MAX,
            },
            _ => Before {
                valid: now,
                rejected: now,
            },
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::ForgetKey(_) | Self::Rejected(_) => 17,
            Self::ForgetAll => 1,
            Self::ForgetName(name) => name.len().saturating_add(9),
            Self::Revoked(name, _) => name.len().saturating_add(73),
        }
    }

    fn write(&self, fields: &mut Writer) {
        match self {
            Self::ForgetKey(keys) => {
                for (low, high) in keys.iter().map(CacheKey::halves) {
                    fields.byte(1).number(low).number(high);
                }
            }
            Self::Rejected(key) => {
                let (low, high) = key.halves();
                fields.byte(5).number(low).number(high);
            }
            Self::ForgetName(name) => {
                fields.byte(2).bytes(name.as_bytes());
            }
            Self::ForgetAll => {
                fields.byte(3);
            }
            Self::Revoked(name, row) => {
                fields.byte(4).bytes(name.as_bytes());
                row.write(fields);
            }
        }
    }

    fn read(fields: &mut Reader<'_>) -> Option<Self> {
        Some(match fields.byte()? {
            1 => {
                Self::ForgetKey([CacheKey::from_halves(fields.number()?, fields.number()?)].into())
            }
            2 => Self::ForgetName(fields.text()?.into()),
            3 => Self::ForgetAll,
            4 => Self::Revoked(fields.text()?.into(), RevocationRow::read(fields)?),
            5 => Self::Rejected(CacheKey::from_halves(fields.number()?, fields.number()?)),
            _ => return None,
        })
    }
}

/// Takes as many facts off the front as fit into one message, one at least if there are any.
pub(super) fn fitting(facts: &[Fact]) -> (&[Fact], &[Fact]) {
    let mut size = 0_usize;
    let fits = facts.iter().take_while(|fact| {
        size = size.saturating_add(fact.size());
        size <= FACTS_LIMIT
    });
    let count = fits.count().max(1).min(facts.len());
    facts.split_at_checked(count).unwrap_or((facts, &[]))
}

impl Message {
    pub(super) fn seal(&self, sealer: &Sealer, log: &str) -> Option<Bytes> {
        let mut fields = Writer::default();
        fields.number(self.sender).number(self.number);
        fields.number(u64::try_from(self.sent.as_millis()).ok()?);
        fields.number(self.calls);
        for fact in &self.facts {
            fact.write(&mut fields);
        }
        sealer.seal(log, &fields.0)
    }

    pub(super) fn open(sealer: &Sealer, log: &str, sealed: &[u8]) -> Option<Self> {
        let plain = sealer.open(log, sealed)?;
        let mut fields = Reader(&plain);
        let mut message = Self {
            sender: fields.number()?,
            number: fields.number()?,
            sent: Duration::from_millis(fields.number()?),
            calls: fields.number()?,
            facts: Vec::new(),
        };
        while !fields.is_empty() {
            message.facts.push(Fact::read(&mut fields)?);
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::keys::FleetKeys;
    use crate::fleet::store::MESSAGE_LIMIT;

    #[test]
    fn rule_22_a_message_comes_back_as_it_was_sent() {
        let keys = FleetKeys::derive(&[1; 32], "https://api.clerk.com").unwrap();
        let message = Message {
            sender: 7,
            number: 8,
            sent: Duration::from_millis(9),
            calls: 10,
            facts: vec![
                Fact::ForgetKey([CacheKey::from_halves(1, 2)].into()),
                Fact::ForgetName("mt_1".into()),
                Fact::ForgetAll,
                Fact::Rejected(CacheKey::from_halves(3, 4)),
                Fact::Revoked("mch_1".into(), RevocationRow::default()),
            ],
        };
        let sealed = message.seal(keys.sealer(), "log").unwrap();
        assert_eq!(Message::open(keys.sealer(), "log", &sealed), Some(message));
        assert_eq!(Message::open(keys.sealer(), "other", &sealed), None);
    }

    #[test]
    fn rule_22_many_facts_are_parted_into_messages_that_fit() {
        let keys = FleetKeys::derive(&[1; 32], "https://api.clerk.com").unwrap();
        let name: Box<str> = "x".repeat(NAME_LIMIT).into();
        let facts = vec![Fact::Revoked(name, RevocationRow::default()); 20];
        let (mut rest, mut sent) = (&facts[..], 0);
        while !rest.is_empty() {
            let (first, others) = fitting(rest);
            let message = Message {
                sender: 1,
                number: 1,
                sent: Duration::ZERO,
                calls: 0,
                facts: first.to_vec(),
            };
            assert!(message.seal(keys.sealer(), "log").unwrap().len() <= MESSAGE_LIMIT);
            (rest, sent) = (others, sent + first.len());
        }
        assert_eq!(sent, 20);
    }
}
