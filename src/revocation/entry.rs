//! One revocation, as given and as stored.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::fleet::Refusal;
use crate::identity::UnixMillis;

/// An entry of [`Revocations`](super::Revocations).
///
/// # Examples
///
/// A list that a service loads when it starts:
///
/// ```
/// # fn example(clerk: clerk_machine_auth::Authenticator) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::{Duration, SystemTime};
/// use clerk_machine_auth::Revocation;
///
/// let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
/// clerk.revocations().extend([
///     Revocation::token("mt_4f8a").until(tomorrow),
///     Revocation::subject("org_2ab"),
///     Revocation::issued_before("mch_2ab", SystemTime::now()),
/// ])?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "add it to `Authenticator::revocations()`"]
pub struct Revocation {
    pub(super) name: String,
    issued_before: Option<SystemTime>,
    until: Option<SystemTime>,
}

impl Revocation {
    /// Rejects the token with this identifier (for a JWT, its `jti`).
    pub fn token(id: impl Into<String>) -> Self {
        Self {
            name: id.into(),
            issued_before: None,
            until: None,
        }
    }

    /// Rejects every token of this machine, user or organization, and every OAuth token for this
    /// organization.
    pub fn subject(subject: impl Into<String>) -> Self {
        Self::token(subject)
    }

    /// Rejects the tokens of a subject that were issued before this time, and those without an
    /// issue time.
    pub fn issued_before(subject: impl Into<String>, time: SystemTime) -> Self {
        Self {
            issued_before: Some(time),
            ..Self::token(subject)
        }
    }

    /// Sets when the entry expires; by default it stays until it is removed.
    ///
    /// The expiry of the token is a good value. The entry applies for a minute longer, because an
    /// expired JWT is accepted for the [`clock_skew`](crate::AuthenticatorBuilder::clock_skew),
    /// which is at most a minute.
    pub fn until(mut self, time: SystemTime) -> Self {
        self.until = Some(time);
        self
    }

    pub(super) fn entry(&self) -> Entry {
        let until = self.until.map_or(FOREVER, |time| {
            since_epoch(time).plus(UnixMillis::from_duration(GRACE))
        });
        match self.issued_before {
            None => Entry {
                all_until: until,
                ..Entry::default()
            },
            Some(time) => Entry {
                before: since_epoch(time),
                before_until: until,
                ..Entry::default()
            },
        }
    }
}

/// The longest `clock_skew` that can be set; see [`Revocation::until`].
const GRACE: Duration = Duration::from_secs(60);

const FOREVER: UnixMillis = UnixMillis(u64::MAX);

/// Rounds up to whole milliseconds, so that tokens issued within the last one are rejected too.
fn since_epoch(time: SystemTime) -> UnixMillis {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis::from_duration(since.saturating_add(Duration::from_nanos(999_999)))
}

impl From<Entry> for Refusal {
    fn from(entry: Entry) -> Self {
        Self {
            all_until: entry.all_until,
            before: entry.before,
            before_until: entry.before_until,
        }
    }
}

impl From<Refusal> for Entry {
    fn from(row: Refusal) -> Self {
        Self {
            all_until: row.all_until,
            before: row.before,
            before_until: row.before_until,
        }
    }
}

/// What is rejected of one token or subject. Zero means nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// Everything is rejected until then.
    all_until: UnixMillis,
    /// Tokens issued before this time …
    before: UnixMillis,
    /// … are rejected until then.
    before_until: UnixMillis,
}

impl Entry {
    /// Returns the later of each time, so that the order of additions does not matter and no entry
    /// becomes weaker.
    pub(super) fn merge(self, other: Self) -> Self {
        Self {
            all_until: self.all_until.max(other.all_until),
            before: self.before.max(other.before),
            before_until: self.before_until.max(other.before_until),
        }
    }

    pub(super) fn covers(self, issued_at: Option<UnixMillis>, now: UnixMillis) -> bool {
        let is_before = || issued_at.is_none_or(|issued| issued < self.before);
        now < self.all_until || (now < self.before_until && is_before())
    }

    /// Returns when nothing is rejected any more.
    pub(super) fn end(self) -> UnixMillis {
        self.all_until.max(self.before_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn millis(seconds: u64) -> UnixMillis {
        UnixMillis(seconds * 1_000)
    }

    /// Tests every set of entries in every order: what one entry rejects, the merged one rejects.
    #[test]
    fn rule_10_revocations_are_the_same_in_every_order_and_refuse_what_each_does() {
        let entries = [
            Revocation::token("a").until(at(500)),
            Revocation::token("a").until(at(900)),
            Revocation::issued_before("a", at(100)),
            Revocation::issued_before("a", at(200)).until(at(1_000)),
            Revocation::issued_before("a", at(150)).until(at(2_000)),
        ];
        let entries = entries.map(|revocation| revocation.entry());
        for (i, a) in entries.iter().enumerate() {
            for (j, b) in entries.iter().enumerate() {
                let both = a.merge(*b);
                assert_eq!(both, b.merge(*a), "{i} {j}");
                assert_eq!(both, both.merge(*a), "{i} {j}");
                for c in entries {
                    assert_eq!(a.merge(*b).merge(c), a.merge(b.merge(c)), "{i} {j}");
                }
                for (issued, now) in (0..300)
                    .step_by(50)
                    .flat_map(|issued| (0..3_000).step_by(100).map(move |now| (issued, now)))
                {
                    let covers = |entry: &Entry| entry.covers(Some(millis(issued)), millis(now));
                    if covers(a) || covers(b) {
                        assert!(covers(&both), "{i} {j}: issued {issued}, now {now}");
                    }
                }
            }
        }
    }

    #[test]
    fn rule_10_an_entry_counts_for_the_longest_skew_beyond_its_end() {
        let entry = Revocation::token("a").until(at(100)).entry();
        assert!(entry.covers(None, UnixMillis(159_999)));
        assert!(!entry.covers(None, UnixMillis(160_000)));
        let endless = Revocation::token("a").entry();
        assert!(endless.covers(None, UnixMillis(u64::MAX - 1)));
    }

    #[test]
    fn rule_10_tokens_from_before_a_time_are_refused_and_so_are_undated_ones() {
        let entry = Revocation::issued_before("a", at(100)).entry();
        for (issued, refused) in [(Some(99_999), true), (Some(100_000), false), (None, true)] {
            let issued = issued.map(UnixMillis);
            assert_eq!(entry.covers(issued, millis(101)), refused, "{issued:?}");
        }
    }
}
