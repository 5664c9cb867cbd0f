//! The local list of tokens and senders to reject, checked on every request.

mod entry;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwapOption;

use self::entry::Entry;
pub use self::entry::Revocation;
use crate::cache::{BuildKeyHasher, CacheKey, Domain, KeyHasher};
use crate::clock::Clock;
use crate::fleet::Replica;
use crate::identity::{MachineAuth, UnixMillis};

/// The maximum number of entries: about 100 MB, and more than anybody maintains by hand.
const MAX_ENTRIES: usize = 1_000_000;

/// The number of shards. An addition copies one shard, which has a thousand entries in a full list.
const SHARDS: usize = 1_024;

/// List of tokens and senders that this process rejects, regardless of Clerk's verdict.
///
/// Clerk cannot revoke a JWT: it stays valid until it expires. An entry in this list rejects it
/// immediately, in this process. Every replica needs the entry, and a restart clears the list, so
/// store the entries where your replicas can load them at startup.
///
/// Adding an entry never weakens an existing one, in any order: the later time and the later expiry
/// apply, and no expiry is the latest. Only [`remove`](Self::remove) removes an entry before it
/// expires.
///
/// The list holds up to a million entries of about 100 bytes each. Identifiers are stored as keyed
/// hashes. Reading takes no lock.
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
pub struct Revocations {
    shards: Box<[ArcSwapOption<Shard>]>,
    /// The number of entries. Most services have none, and every request reads this.
    count: AtomicUsize,
    /// The earliest expiry among the entries.
    next_end: Mutex<UnixMillis>,
    hasher: Arc<KeyHasher>,
    clock: Arc<dyn Clock>,
    /// Those that the list is shared with.
    fleet: Option<Arc<Replica>>,
}

type Shard = HashMap<CacheKey, Entry, BuildKeyHasher>;

/// Error of adding a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationError {
    /// The identifier is empty. It would reject every JWT without a `jti`.
    #[error("the identifier is empty; a JWT without `jti` can be refused by its subject only")]
    EmptyId,
    /// The list holds a million entries already.
    #[error("the list of revocations is full; give entries an end (`until`), or remove some")]
    Full,
}

impl Revocations {
    pub(crate) fn new(hasher: Arc<KeyHasher>, clock: Arc<dyn Clock>) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| ArcSwapOption::empty()).collect(),
            count: AtomicUsize::new(0),
            next_end: Mutex::new(UnixMillis(u64::MAX)),
            hasher,
            clock,
            fleet: None,
        }
    }

    /// Shares the list with the replicas of a fleet.
    pub(crate) fn shared(self, fleet: Option<Arc<Replica>>) -> Arc<Self> {
        let list = Arc::new(Self { fleet, ..self });
        if let Some(fleet) = &list.fleet {
            let heard = Arc::downgrade(&list);
            fleet.on_revoked(move |name, row| {
                if let Some(list) = heard.upgrade() {
                    list.set(name, row.into());
                }
            });
        }
        list
    }

    /// Rejects the token with this identifier (for a JWT, its `jti`).
    ///
    /// # Errors
    ///
    /// Fails like [`add`](Self::add).
    pub fn refuse_token(&self, id: &str) -> Result<(), RevocationError> {
        self.add(Revocation::token(id))
    }

    /// Rejects every token of this machine, user or organization, and every OAuth token for this
    /// organization.
    ///
    /// # Errors
    ///
    /// Fails like [`add`](Self::add).
    pub fn refuse_subject(&self, subject: &str) -> Result<(), RevocationError> {
        self.add(Revocation::subject(subject))
    }

    /// Rejects the tokens of a subject that were issued before this time, and those without an
    /// issue time.
    ///
    /// # Errors
    ///
    /// Fails like [`add`](Self::add).
    pub fn refuse_issued_before(
        &self,
        subject: &str,
        time: SystemTime,
    ) -> Result<(), RevocationError> {
        self.add(Revocation::issued_before(subject, time))
    }

    /// Adds an entry.
    ///
    /// # Errors
    ///
    /// Fails if the identifier is empty or the list is full.
    pub fn add(&self, revocation: Revocation) -> Result<(), RevocationError> {
        self.extend([revocation])
    }

    /// Adds many entries, which is faster than adding them one by one.
    ///
    /// # Errors
    ///
    /// Fails if at least one entry could not be added. All other entries are added nevertheless.
    pub fn extend(
        &self,
        revocations: impl IntoIterator<Item = Revocation>,
    ) -> Result<(), RevocationError> {
        let (mut entries, mut named) = (Vec::new(), Ok(()));
        for revocation in revocations {
            match self.key(&revocation.name) {
                Some(key) => {
                    let entry = revocation.entry();
                    self.tell(&revocation.name, entry);
                    entries.push((key, entry));
                }
                None => named = Err(RevocationError::EmptyId),
            }
        }
        self.enter(entries).and(named)
    }

    /// Removes an entry; returns `true` if there was one.
    pub fn remove(&self, token_id_or_subject: &str) -> bool {
        let Some(key) = self.key(token_id_or_subject) else {
            return false;
        };
        if let Some(fleet) = &self.fleet {
            fleet.unrevoke(token_id_or_subject.trim());
        }
        self.take_out(&key)
    }

    fn take_out(&self, key: &CacheKey) -> bool {
        let _writing = self.next_end.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = self.slot(key);
        let mut shard = copy(slot);
        let was_there = shard.remove(key).is_some();
        self.replace(slot, shard);
        was_there
    }

    /// Refuses exactly what the replicas of a fleet agree on.
    fn set(&self, name: &str, entry: Entry) {
        let Some(key) = self.key(name) else {
            return;
        };
        let mut next_end = self.next_end.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = self.slot(&key);
        let mut shard = copy(slot);
        if entry == Entry::default() {
            shard.remove(&key);
        } else if self.room() > 0 || shard.contains_key(&key) {
            *next_end = (*next_end).min(entry.end());
            shard.insert(key, entry);
        } else {
            tracing::error!("a revocation of another replica is lost: the list is full");
        }
        self.replace(slot, shard);
    }

    fn tell(&self, name: &str, entry: Entry) {
        if let Some(fleet) = &self.fleet {
            fleet.revoke(name.trim(), entry.into());
        }
    }

    /// Returns the number of entries that have not expired.
    #[must_use]
    pub fn len(&self) -> usize {
        let mut next_end = self.next_end.lock().unwrap_or_else(PoisonError::into_inner);
        self.remove_ended(&mut next_end);
        self.count.load(Ordering::Acquire)
    }

    /// Returns `true` if there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns `true` if the token, its subject or its organization is rejected.
    pub(crate) fn refuse(&self, auth: &MachineAuth) -> bool {
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let (now, issued_at) = (self.now(), auth.facts().issued_at);
        [auth.id(), auth.subject(), auth.org_id().unwrap_or_default()]
            .into_iter()
            .filter_map(|name| self.find(name))
            .any(|entry| entry.covers(issued_at, now))
    }

    fn find(&self, name: &str) -> Option<Entry> {
        let key = self.key(name)?;
        self.slot(&key).load().as_ref()?.get(&key).copied()
    }

    /// Returns the key of an identifier. Identifiers contain no white space, so any around one came
    /// from a file.
    fn key(&self, name: &str) -> Option<CacheKey> {
        let name = name.trim();
        (!name.is_empty()).then(|| self.hasher.key(Domain::Identifier, name.as_bytes()))
    }

    #[allow(clippy::indexing_slicing)] // below the length by construction
    fn slot(&self, key: &CacheKey) -> &ArcSwapOption<Shard> {
        &self.shards[shard_of(key)]
    }

    fn enter(&self, mut entries: Vec<(CacheKey, Entry)>) -> Result<(), RevocationError> {
        let mut next_end = self.next_end.lock().unwrap_or_else(PoisonError::into_inner);
        if self.room() < entries.len() {
            self.remove_ended(&mut next_end);
        }
        let mut result = Ok(());
        entries.sort_unstable_by_key(|(key, _)| shard_of(key));
        for group in entries.chunk_by(|(a, _), (b, _)| shard_of(a) == shard_of(b)) {
            let Some((first, _)) = group.first() else {
                continue;
            };
            let slot = self.slot(first);
            let mut shard = copy(slot);
            let most = shard.len().saturating_add(self.room());
            for (key, entry) in group {
                if shard.len() >= most && !shard.contains_key(key) {
                    result = Err(RevocationError::Full);
                    continue;
                }
                let held = shard.entry(*key).or_default();
                *held = held.merge(*entry);
                *next_end = (*next_end).min(held.end());
            }
            self.replace(slot, shard);
        }
        result
    }

    fn room(&self) -> usize {
        MAX_ENTRIES.saturating_sub(self.count.load(Ordering::Acquire))
    }

    /// Scans the whole list if an entry may have expired.
    fn remove_ended(&self, next_end: &mut UnixMillis) {
        let now = self.now();
        if now < *next_end {
            return;
        }
        *next_end = UnixMillis(u64::MAX);
        for slot in &self.shards {
            let mut shard = copy(slot);
            shard.retain(|_, entry| now < entry.end());
            let deadlines = shard.values().map(|entry| entry.end());
            *next_end = deadlines.fold(*next_end, UnixMillis::min);
            self.replace(slot, shard);
        }
    }

    /// Replaces a shard while no one else writes. The shard is stored before it is counted, and counted
    /// before the addition returns.
    fn replace(&self, slot: &ArcSwapOption<Shard>, shard: Shard) {
        let (new, old) = (shard.len(), slot.load().as_ref().map_or(0, |old| old.len()));
        slot.store((new > 0).then(|| Arc::new(shard)));
        let count = self.count.load(Ordering::Acquire);
        let count = count.saturating_add(new).saturating_sub(old);
        self.count.store(count, Ordering::Release);
    }

    fn now(&self) -> UnixMillis {
        UnixMillis::from_duration(self.clock.unix_time())
    }
}

fn shard_of(key: &CacheKey) -> usize {
    usize::from(key.random_part()) % SHARDS
}

fn copy(slot: &ArcSwapOption<Shard>) -> Shard {
    slot.load()
        .as_ref()
        .map(|shard| Shard::clone(shard))
        .unwrap_or_default()
}

impl fmt::Debug for Revocations {
    /// Omits the entries: there may be a million.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{ApiKey, Facts, TokenFormat};
    use crate::scope::Scopes;
    use std::sync::atomic::AtomicU64;
    use std::time::{Duration, UNIX_EPOCH};

    #[derive(Debug, Default)]
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn unix_time(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::SeqCst))
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    fn list() -> (Revocations, Arc<Hand>) {
        let clock = Arc::<Hand>::default();
        let hasher = Arc::new(KeyHasher::new().unwrap());
        let list = Revocations::new(hasher, Arc::clone(&clock) as Arc<dyn Clock>);
        (list, clock)
    }

    fn key(id: &str, subject: &str) -> MachineAuth {
        let facts = Facts {
            format: TokenFormat::Jwt,
            id: id.into(),
            subject: subject.into(),
            scopes: Scopes::default(),
            claims: None,
            issued_at: None,
            expires_at: None,
        };
        MachineAuth::ApiKey(ApiKey::new(facts, None))
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn rule_10_a_listed_token_or_subject_is_refused() {
        let (list, _) = list();
        assert!(!list.refuse(&key("ak_1", "user_1")));
        list.refuse_token("ak_1").unwrap();
        list.refuse_subject("user_2\n").unwrap();
        assert!(list.refuse(&key("ak_1", "user_1")));
        assert!(list.refuse(&key("ak_2", "user_2")));
        assert!(!list.refuse(&key("ak_2", "user_1")));
        assert!(list.remove("ak_1") && !list.remove("ak_1"));
        assert!(!list.refuse(&key("ak_1", "user_1")));
    }

    #[test]
    fn rule_10_ended_revocations_stop_counting_and_are_removed() {
        let (list, clock) = list();
        let many = (0..5_000).map(|n| Revocation::token(n.to_string()).until(at(100)));
        list.extend(many).unwrap();
        list.add(Revocation::token("5").until(at(200))).unwrap();
        assert_eq!(list.len(), 5_000);
        for (now, left) in [(159, 5_000), (160, 1), (259, 1), (260, 0)] {
            clock.0.store(now, Ordering::SeqCst);
            assert_eq!(list.refuse(&key("7", "")), now < 160, "{now}");
            assert_eq!(list.refuse(&key("5", "")), now < 260, "{now}");
            assert_eq!(list.len(), left, "{now}");
        }
        assert!(list.shards.iter().all(|slot| slot.load().is_none()));
    }

    #[test]
    fn rule_10_a_million_revocations_are_held_and_a_full_list_says_so() {
        let (list, clock) = list();
        let full = (0..MAX_ENTRIES).map(|n| Revocation::token(n.to_string()).until(at(100)));
        list.extend(full).unwrap();
        assert_eq!(list.len(), MAX_ENTRIES);
        assert_eq!(list.refuse_token("new"), Err(RevocationError::Full));
        let with_known = ["new", "17", ""].map(Revocation::token);
        assert_eq!(list.extend(with_known), Err(RevocationError::Full));
        clock.0.store(160, Ordering::SeqCst);
        assert!(list.refuse(&key("17", "")), "it is refused for ever now");
        assert!(!list.refuse(&key("18", "")));
        list.refuse_token("new").unwrap();
        assert!(list.refuse(&key("new", "")), "ended ones make room");
        assert_eq!(list.len(), 2);
    }

    #[test]
    fn rule_10_one_bad_entry_keeps_no_other_out() {
        let (list, _) = list();
        let entries = ["", "a", " ", "b"].map(Revocation::token);
        assert_eq!(list.extend(entries), Err(RevocationError::EmptyId));
        assert!(list.refuse(&key("a", "")) && list.refuse(&key("b", "")));
        assert!(!list.refuse(&key("", "")));
        assert_eq!(list.len(), 2);
    }
}
