//! The service's own list of tokens and senders to refuse, looked at for every request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;

use crate::identity::{Facts, UnixMillis};

/// The most entries that the list holds.
const MAX_ENTRIES: usize = 10_000;

/// Tokens and senders that this process refuses, whatever Clerk says of them.
///
/// Clerk cannot revoke a JWT: it stays good until it expires. An entry here refuses it at once, in
/// this process. Each replica needs the entry, and a restart forgets it, so keep the list where
/// your replicas find it and enter it at start.
///
/// Reading takes no lock. Writing copies the list, which is meant for rare use.
///
/// # Examples
///
/// ```
/// # fn example(clerk: clerk_machine_auth::Authenticator) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::SystemTime;
///
/// clerk.revocations().refuse_token("mt_4f8a")?;
/// // A machine whose secret leaked: everything that it issued until now.
/// clerk.revocations().refuse_issued_before("mch_4f8a", SystemTime::now())?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Revocations {
    entries: ArcSwap<HashMap<Box<str>, Refused>>,
    /// How many entries there are: most services have none, and each request asks.
    count: AtomicUsize,
    writing: Mutex<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Always,
    IssuedBefore(UnixMillis),
}

/// The list holds 10 000 entries already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the list of revocations is full; remove entries whose tokens have expired")]
#[non_exhaustive]
pub struct RevocationsFull;

impl Revocations {
    /// Refuses the token with this identifier (for a JWT, its `jti`).
    ///
    /// # Errors
    ///
    /// Fails if the list is full; nothing was entered.
    pub fn refuse_token(&self, id: &str) -> Result<(), RevocationsFull> {
        self.enter(id, Refused::Always)
    }

    /// Refuses every token of this machine, user or organization.
    ///
    /// # Errors
    ///
    /// Fails if the list is full; nothing was entered.
    pub fn refuse_subject(&self, subject: &str) -> Result<(), RevocationsFull> {
        self.enter(subject, Refused::Always)
    }

    /// Refuses the tokens of a subject that were issued before this time, and those that do not
    /// say when they were issued.
    ///
    /// # Errors
    ///
    /// Fails if the list is full; nothing was entered.
    pub fn refuse_issued_before(
        &self,
        subject: &str,
        time: SystemTime,
    ) -> Result<(), RevocationsFull> {
        let time = UnixMillis::from_duration(time.duration_since(UNIX_EPOCH).unwrap_or_default());
        self.enter(subject, Refused::IssuedBefore(time))
    }

    /// Takes an entry back; tells whether there was one.
    pub fn remove(&self, token_id_or_subject: &str) -> bool {
        self.change(|entries| entries.remove(token_id_or_subject).is_some())
    }

    /// Returns how many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Tells whether nothing is refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn refuse(&self, facts: &Facts) -> bool {
        if self.is_empty() {
            return false;
        }
        let entries = self.entries.load();
        [&facts.id, &facts.subject].into_iter().any(|name| {
            entries
                .get(name)
                .is_some_and(|entry| entry.covers(facts.issued_at))
        })
    }

    fn enter(&self, name: &str, refused: Refused) -> Result<(), RevocationsFull> {
        self.change(|entries| {
            if entries.len() >= MAX_ENTRIES && !entries.contains_key(name) {
                return Err(RevocationsFull);
            }
            entries.insert(name.into(), refused);
            Ok(())
        })
    }

    fn change<T>(&self, edit: impl FnOnce(&mut HashMap<Box<str>, Refused>) -> T) -> T {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = HashMap::clone(&self.entries.load());
        let result = edit(&mut entries);
        let count = entries.len();
        self.entries.store(entries.into());
        self.count.store(count, Ordering::Release);
        result
    }
}

impl Refused {
    fn covers(self, issued_at: Option<UnixMillis>) -> bool {
        match self {
            Self::Always => true,
            Self::IssuedBefore(time) => issued_at.is_none_or(|issued| issued < time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::TokenFormat;
    use crate::scope::Scopes;
    use std::time::Duration;

    fn facts(id: &str, subject: &str, issued_at: Option<u64>) -> Facts {
        Facts {
            format: TokenFormat::Jwt,
            id: id.into(),
            subject: subject.into(),
            scopes: Scopes::default(),
            claims: None,
            issued_at: issued_at.map(|seconds| UnixMillis(seconds * 1000)),
            expires_at: None,
        }
    }

    #[test]
    fn rule_10_a_listed_token_or_subject_is_refused() {
        let list = Revocations::default();
        assert!(!list.refuse(&facts("mt_1", "mch_1", None)));
        list.refuse_token("mt_1").unwrap();
        list.refuse_subject("mch_2").unwrap();
        assert!(list.refuse(&facts("mt_1", "mch_1", None)));
        assert!(list.refuse(&facts("mt_2", "mch_2", Some(1))));
        assert!(!list.refuse(&facts("mt_2", "mch_1", None)));
        assert!(list.remove("mt_1") && !list.remove("mt_1"));
        assert!(!list.refuse(&facts("mt_1", "mch_1", None)));
    }

    #[test]
    fn rule_10_tokens_from_before_a_time_are_refused_and_so_are_undated_ones() {
        let list = Revocations::default();
        let time = UNIX_EPOCH + Duration::from_secs(100);
        list.refuse_issued_before("mch_1", time).unwrap();
        for (issued_at, refused) in [(Some(99), true), (Some(100), false), (None, true)] {
            let facts = facts("", "mch_1", issued_at);
            assert_eq!(list.refuse(&facts), refused, "{issued_at:?}");
        }
    }

    #[test]
    fn rule_10_a_full_list_says_so_and_keeps_what_it_has() {
        let list = Revocations::default();
        let full: HashMap<Box<str>, Refused> = (0..MAX_ENTRIES)
            .map(|n| (n.to_string().into(), Refused::Always))
            .collect();
        list.change(|entries| *entries = full);
        assert_eq!(list.refuse_token("new"), Err(RevocationsFull));
        assert_eq!(list.refuse_token("17"), Ok(()));
        assert_eq!(list.len(), MAX_ENTRIES);
    }
}
