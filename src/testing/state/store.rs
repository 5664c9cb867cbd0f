//! A store of opaque credentials, found by id, by secret and by subject without a scan.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The common fields of opaque credentials, and those of their type. Times are Unix milliseconds.
#[derive(Clone)]
pub(in crate::testing) struct Entry<T> {
    pub(in crate::testing) id: String,
    pub(in crate::testing) secret: String,
    pub(in crate::testing) subject: String,
    pub(in crate::testing) created_at: u64,
    pub(in crate::testing) updated_at: u64,
    pub(in crate::testing) last_used_at: Option<u64>,
    pub(in crate::testing) expires_at: Option<u64>,
    pub(in crate::testing) revoked: bool,
    pub(in crate::testing) revocation_reason: Option<String>,
    pub(in crate::testing) detail: T,
    sequence: u64,
}

impl<T> Entry<T> {
    pub(in crate::testing) fn new(id: String, secret: String, subject: &str, detail: T) -> Self {
        Self {
            id,
            secret,
            subject: subject.to_owned(),
            created_at: 0,
            updated_at: 0,
            last_used_at: None,
            expires_at: None,
            revoked: false,
            revocation_reason: None,
            detail,
            sequence: 0,
        }
    }

    pub(in crate::testing) fn expired(&self, now: u64) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    pub(in crate::testing) fn live(&self, now: u64) -> bool {
        !self.revoked && !self.expired(now)
    }
}

/// Credentials of one type.
#[derive(Clone)]
pub(in crate::testing) struct Store<T> {
    by_id: HashMap<Arc<str>, Entry<T>>,
    by_secret: HashMap<String, Arc<str>>,
    by_subject: HashMap<String, BTreeMap<u64, Arc<str>>>,
    next: u64,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self {
            by_id: HashMap::new(),
            by_secret: HashMap::new(),
            by_subject: HashMap::new(),
            next: 0,
        }
    }
}

impl<T> Store<T> {
    pub(in crate::testing) fn insert(&mut self, mut entry: Entry<T>, now: u64) {
        entry.created_at = now;
        entry.updated_at = now;
        entry.sequence = self.next;
        self.next += 1;
        let id: Arc<str> = entry.id.as_str().into();
        self.by_secret.insert(entry.secret.clone(), Arc::clone(&id));
        let of_subject = self.by_subject.entry(entry.subject.clone()).or_default();
        of_subject.insert(entry.sequence, Arc::clone(&id));
        self.by_id.insert(id, entry);
    }

    pub(in crate::testing) fn get(&self, id: &str) -> Option<&Entry<T>> {
        self.by_id.get(id)
    }

    pub(in crate::testing) fn get_mut(&mut self, id: &str) -> Option<&mut Entry<T>> {
        self.by_id.get_mut(id)
    }

    pub(in crate::testing) fn by_secret(&self, secret: &str) -> Option<&Entry<T>> {
        self.by_id.get(self.by_secret.get(secret)?)
    }

    /// All credentials, newest first.
    pub(in crate::testing) fn all(&self) -> Vec<&Entry<T>> {
        let mut entries: Vec<_> = self.by_id.values().collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.sequence));
        entries
    }

    /// The credentials of a subject, newest first.
    pub(in crate::testing) fn of_subject(&self, subject: &str) -> impl Iterator<Item = &Entry<T>> {
        let ids = self.by_subject.get(subject).into_iter();
        ids.flat_map(|ids| ids.values().rev())
            .filter_map(|id| self.by_id.get(id))
    }

    pub(in crate::testing) fn remove(&mut self, id: &str) -> bool {
        let Some(entry) = self.by_id.remove(id) else {
            return false;
        };
        self.by_secret.remove(&entry.secret);
        self.remove_from_subject(&entry.subject, entry.sequence);
        true
    }

    /// Assigns a credential to another subject.
    pub(in crate::testing) fn move_to(&mut self, id: &str, subject: &str) {
        let Some(entry) = self.by_id.get_mut(id) else {
            return;
        };
        let before = std::mem::replace(&mut entry.subject, subject.to_owned());
        let sequence = entry.sequence;
        self.remove_from_subject(&before, sequence);
        self.by_subject
            .entry(subject.to_owned())
            .or_default()
            .insert(sequence, id.into());
    }

    /// Revokes a credential; a second time has no effect. Returns `false` if there is none with
    /// this id.
    pub(in crate::testing) fn revoke(&mut self, id: &str, why: Option<String>, now: u64) -> bool {
        let Some(entry) = self.by_id.get_mut(id) else {
            return false;
        };
        if !entry.revoked {
            entry.revoked = true;
            entry.revocation_reason = why;
            entry.updated_at = now;
        }
        true
    }

    pub(in crate::testing) fn expire(&mut self, id: &str, now: u64) -> bool {
        let Some(entry) = self.by_id.get_mut(id) else {
            return false;
        };
        entry.expires_at = Some(now);
        true
    }

    /// Records that a credential was verified.
    pub(in crate::testing) fn touch(&mut self, id: &str, now: u64) {
        if let Some(entry) = self.by_id.get_mut(id) {
            entry.last_used_at = Some(now);
        }
    }

    fn remove_from_subject(&mut self, subject: &str, sequence: u64) {
        if let Some(ids) = self.by_subject.get_mut(subject) {
            ids.remove(&sequence);
            if ids.is_empty() {
                self.by_subject.remove(subject);
            }
        }
    }
}
