//! The seam through which the admin client makes the verifier forget.

use std::fmt::Debug;

/// Forgets what was verified; implemented by the cache, called after a revocation.
pub(crate) trait Invalidate: Debug + Send + Sync + 'static {
    /// Forgets the verdict on the token or key with this identifier.
    fn invalidate_id(&self, id: &str);

    /// Forgets every verdict on tokens of this subject, and what is known of the subject itself.
    fn invalidate_subject(&self, subject: &str);
}
