//! The owners of sessions, as keyed hashes: neither an id nor an identity is stored.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::cache::{BuildKeyHasher, CacheKey, Domain, KeyHasher};
use crate::identity::MachineAuth;
use crate::token::TokenType;

/// The maximum number of sessions. An entry takes about a hundred bytes, so all of them a megabyte.
const CAPACITY: usize = 10_000;
/// Sessions per owner: more than a client needs, and few enough that one caller cannot evict those
/// of all others.
const OF_ONE_OWNER: usize = 1_000;
/// A session that has not been used for this long is removed.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// The owners of sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    /// `None` if the system has no source of randomness: then every session is rejected.
    hasher: Option<KeyHasher>,
    known: Mutex<HashMap<CacheKey, Entry, BuildKeyHasher>>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    owner: CacheKey,
    used: Instant,
}

/// The sender of a request, as a keyed hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner(CacheKey);

impl Sessions {
    pub(super) fn new() -> Self {
        Self {
            hasher: KeyHasher::new(),
            known: Mutex::default(),
        }
    }

    /// Returns the sender of a request: the type of the token, its subject and its client. `None`
    /// stands for all requests without a token.
    pub(super) fn owner(&self, auth: Option<&MachineAuth>) -> Option<Owner> {
        let mut bytes = Vec::new();
        if let Some(auth) = auth {
            let token_type = match auth.token_type() {
                TokenType::M2m => 1,
                TokenType::ApiKey => 2,
                TokenType::OAuth => 3,
            };
            bytes.push(token_type);
            // Length-prefixed, so that different pairs have different bytes.
            bytes.extend(auth.subject().len().to_le_bytes());
            bytes.extend(auth.subject().as_bytes());
            bytes.extend(auth.client_id().unwrap_or_default().as_bytes());
        }
        let hasher = self.hasher.as_ref()?;
        Some(Owner(hasher.key(Domain::Owner, &bytes)))
    }

    /// Returns `true` if the session belongs to this owner, and records its use.
    pub(super) fn is_of(&self, session: &[u8], owner: Owner) -> bool {
        let now = Instant::now();
        let Some(key) = self.key(session) else {
            return false;
        };
        self.with(|known| match known.get_mut(&key) {
            Some(entry) if entry.owner == owner.0 && !entry.is_idle(now) => {
                entry.used = now;
                true
            }
            _ => false,
        })
    }

    /// Records the owner of a session. The first owner stays, because ids are not reused.
    pub(super) fn note(&self, session: &[u8], Owner(owner): Owner) {
        let used = Instant::now();
        let Some(key) = self.key(session) else {
            return;
        };
        self.with(|known| {
            match known.get(&key) {
                Some(entry) if !entry.is_idle(used) => return,
                _ => make_room(known, owner, used),
            }
            known.insert(key, Entry { owner, used });
        });
    }

    pub(super) fn forget(&self, session: &[u8]) {
        if let Some(key) = self.key(session) {
            self.with(|known| known.remove(&key));
        }
    }

    fn key(&self, session: &[u8]) -> Option<CacheKey> {
        let hasher = self.hasher.as_ref()?;
        Some(hasher.key(Domain::Session, session))
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<CacheKey, Entry, BuildKeyHasher>) -> T) -> T {
        // No panic can leave the table in an inconsistent state.
        work(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Entry {
    fn is_idle(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.used) >= IDLE
    }
}

/// Makes room for another session: removes the least recently used one, of the same owner if that
/// has too many.
///
/// Scans all sessions, which only happens when a session starts and the table is full.
fn make_room(known: &mut HashMap<CacheKey, Entry, BuildKeyHasher>, owner: CacheKey, now: Instant) {
    if known.len() < OF_ONE_OWNER {
        return;
    }
    let own = known.values().filter(|entry| entry.owner == owner).count();
    if own < OF_ONE_OWNER && known.len() >= CAPACITY {
        known.retain(|_, entry| !entry.is_idle(now));
    }
    let is_victim = |entry: &Entry| own < OF_ONE_OWNER || entry.owner == owner;
    if own >= OF_ONE_OWNER || known.len() >= CAPACITY {
        let candidates = known.iter().filter(|(_, entry)| is_victim(entry));
        let oldest = candidates.min_by_key(|(_, entry)| entry.used);
        if let Some(key) = oldest.map(|(key, _)| *key) {
            known.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(sessions: &Sessions, name: &str) -> Owner {
        let hasher = sessions.hasher.as_ref().unwrap();
        Owner(hasher.key(Domain::Owner, name.as_bytes()))
    }

    fn id(n: usize) -> [u8; 8] {
        n.to_le_bytes()
    }

    #[test]
    fn p7_one_owner_with_too_many_sessions_loses_its_own() {
        let sessions = Sessions::new();
        let (one, other) = (owner(&sessions, "one"), owner(&sessions, "other"));
        sessions.note(b"theirs", other);
        for n in 0..=OF_ONE_OWNER {
            sessions.note(&id(n), one);
        }
        assert!(!sessions.is_of(&id(0), one) && sessions.is_of(&id(1), one));
        assert!(sessions.is_of(b"theirs", other));
    }

    #[test]
    fn p7_a_full_table_forgets_what_was_used_longest_ago() {
        let sessions = Sessions::new();
        let name = |n: usize| owner(&sessions, &(n % 100).to_string());
        for n in 0..CAPACITY {
            sessions.note(&id(n), name(n));
        }
        assert!(sessions.is_of(&id(0), name(0)), "and so used just now");
        sessions.note(b"one more", owner(&sessions, "new"));
        assert!(sessions.is_of(&id(0), name(0)) && !sessions.is_of(&id(1), name(1)));
        assert_eq!(sessions.with(|known| known.len()), CAPACITY);
    }

    #[tokio::test(start_paused = true)]
    async fn p7_a_session_that_nobody_uses_for_a_day_is_nobodys() {
        let sessions = Sessions::new();
        let one = owner(&sessions, "one");
        sessions.note(b"a", one);
        sessions.note(b"b", one);
        tokio::time::advance(IDLE / 2).await;
        assert!(sessions.is_of(b"a", one));
        tokio::time::advance(IDLE / 2).await;
        assert!(sessions.is_of(b"a", one) && !sessions.is_of(b"b", one));
    }
}
