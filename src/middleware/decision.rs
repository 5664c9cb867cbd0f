//! A decision, as it is told to the hook and to the audit log.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::error::AuthErrorKind;
use crate::identity::TokenFormat;
use crate::stats::Outcome;
use crate::token::TokenType;

/// What was decided on one request; see [`ClerkMachineAuth::on_decision`].
///
/// [`ClerkMachineAuth::on_decision`]: crate::ClerkMachineAuth::on_decision
///
/// # Security
///
/// The fields `token_id`, `subject` and `client_id` name a machine or a person. They are known only
/// for a token that was verified. Nothing else of the request and no byte of the token is here.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Decision<'a> {
    /// What became of the request.
    pub outcome: Outcome,
    /// The class of the rejection; `None` for a request that was let in.
    pub kind: Option<AuthErrorKind>,
    /// The exact cause of the rejection, a fixed word: see
    /// [`AuthError::reason`](crate::AuthError::reason).
    pub reason: Option<&'static str>,
    /// The type of the token, as far as it is known: that of a rejected JWT is not.
    pub token_type: Option<TokenType>,
    /// Whether the token is a JWT or opaque; `None` if it was not verified.
    pub format: Option<TokenFormat>,
    /// The identifier of the token; `None` for a JWT without `jti`, and if it was not verified.
    pub token_id: Option<&'a str>,
    /// Whom the token speaks for; `None` if it was not verified.
    pub subject: Option<&'a str>,
    /// The OAuth application that the token was issued to.
    pub client_id: Option<&'a str>,
    /// Whether a cached verdict decided, so that the token was not verified for this request.
    pub cached: bool,
    /// Whether that verdict was past its fresh time, since Clerk could not be asked.
    pub stale: bool,
    /// The time from the request to the verdict, without the time that the handler took.
    pub took: Duration,
}

/// What an application wants to be told of every decision.
#[derive(Clone)]
pub(super) struct Hook(Arc<dyn Fn(&Decision<'_>) + Send + Sync>);

impl Hook {
    pub(super) fn new(hook: impl Fn(&Decision<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    /// Tells it; a panic ends here, and costs the request nothing.
    pub(super) fn tell(&self, decision: &Decision<'_>) {
        let called = catch_unwind(AssertUnwindSafe(|| (self.0)(decision)));
        if called.is_err() {
            tracing::error!("the hook of `on_decision` panicked; the request goes on");
        }
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook(…)")
    }
}
