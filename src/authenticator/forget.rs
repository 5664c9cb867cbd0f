//! Makes the authenticator forget what it has verified.

use std::sync::Arc;

use crate::cache::{Domain, KeyHasher, Marks};
use crate::evict::Evict;

/// Forgets verdicts by token, by identifier and by subject.
#[derive(Debug)]
pub(crate) struct Forget {
    pub(crate) marks: Arc<Marks>,
    pub(crate) hasher: Arc<KeyHasher>,
}

impl Forget {
    pub(super) fn token(&self, token: &str) {
        for domain in [Domain::Jwt, Domain::M2m, Domain::ApiKey, Domain::OAuth] {
            self.marks
                .forget_key(self.hasher.key(domain, token.as_bytes()));
        }
    }
}

impl Evict for Forget {
    fn evict_id(&self, id: &str) {
        self.marks.forget_name(id);
    }

    fn evict_subject(&self, subject: &str) {
        self.marks.forget_name(subject);
        // A remembered "no" has no names, only its key: a machine that was just allowed to reach
        // this one must not wait for that to end.
        let machine = self.hasher.key(Domain::Machine, subject.as_bytes());
        self.marks.forget_key(machine);
    }
}
