//! The interface through which the admin client invalidates cached verdicts.

use std::fmt::Debug;

/// Invalidates cached verdicts. Implemented by the cache, and called after a revocation.
pub(crate) trait Invalidate: Debug + Send + Sync + 'static {
    /// Invalidates the verdict on the token or key with this identifier.
    fn invalidate_id(&self, id: &str);

    /// Invalidates every verdict on tokens of this subject, and on the subject itself.
    fn invalidate_subject(&self, subject: &str);
}
