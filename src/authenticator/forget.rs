//! Makes the authenticator forget what it has verified.

use std::sync::Arc;

use crate::cache::{Domain, Invalidations, KeyHasher};
use crate::invalidate::Invalidate;

/// Forgets verdicts by token, by identifier and by subject.
#[derive(Debug)]
pub(crate) struct Forget {
    pub(crate) invalidations: Arc<Invalidations>,
    pub(crate) hasher: Arc<KeyHasher>,
}

impl Forget {
    pub(super) fn token(&self, token: &str) {
        for domain in [Domain::Jwt, Domain::M2m, Domain::ApiKey, Domain::OAuth] {
            self.invalidations
                .invalidate_key(self.hasher.key(domain, token.as_bytes()));
        }
    }
}

impl Invalidate for Forget {
    fn invalidate_id(&self, id: &str) {
        self.invalidations.invalidate_tag(id);
    }

    fn invalidate_subject(&self, subject: &str) {
        self.invalidations.invalidate_tag(subject);
        // A remembered "no" has no names, only its key: a machine that was just allowed to reach
        // this one must not wait for that to end.
        let machine = self.hasher.key(Domain::Machine, subject.as_bytes());
        self.invalidations.invalidate_key(machine);
    }
}
