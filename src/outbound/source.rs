//! The token source: returns the current token, and runs at most one mint at a time.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use futures_util::future::BoxFuture;

use super::error::TokenSourceError;
use super::health::TokenSourceHealth;
use super::mint::{Minter, Occasion};
use super::pacing::Pacing;
use super::token::{Minted, OutboundToken, Stage};
use crate::clock::millis;
use crate::single_flight::{Flight, SingleFlight};
use crate::tasks::{NoRuntime, Tasks};

/// Source of M2M tokens for the outgoing calls of this service; cheap to clone.
///
/// All clones share one token. It is minted when it is first needed, so that a service can start
/// while Clerk is unreachable. [`warm_up`](Self::warm_up) mints it ahead of time. The [module
/// docs](super) list the rules.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use clerk_machine_auth::testing::{ClerkEmulator, Endpoint};
/// # let clerk = ClerkEmulator::start().await;
/// # let billing = clerk.machine("billing").create();
/// use clerk_machine_auth::M2mTokenSource;
///
/// let source = M2mTokenSource::builder()
///     .machine_secret_key(billing.secret_key())
///     .api_url(clerk.api_url())
///     .build()?;
/// let token = source.token().await?;
/// assert!(token.header().is_sensitive());
/// // From here on no call waits, and Clerk is asked again about once in 48 minutes.
/// assert_eq!(source.token().await?.id(), token.id());
/// assert_eq!(clerk.calls(Endpoint::CreateM2mToken), 1);
/// # Ok(()) }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct M2mTokenSource {
    shared: Arc<Shared>,
}

/// What all clones of a source share.
pub(super) struct Shared {
    /// The current token; read without a lock, replaced as a whole.
    present: ArcSwapOption<Minted>,
    minter: Minter,
    pacing: Pacing,
    force_cooldown: Duration,
    flights: SingleFlight<(), Outcome>,
    tasks: Tasks,
    /// Mints in progress; briefly two if the first was lost and another one started.
    minting: AtomicU32,
    mints: AtomicU64,
    forced: AtomicU64,
}

type Outcome = Result<OutboundToken, TokenSourceError>;

/// A token, or a future for one.
pub(super) enum Asked {
    Now(Outcome),
    Later(BoxFuture<'static, Outcome>),
}

/// How often a waiter starts another mint after one was lost: because it ran on another caller's
/// runtime, which has shut down, or because it panicked.
const ATTEMPTS_AFTER_LOSS: u32 = 2;

impl M2mTokenSource {
    pub(super) fn new(minter: Minter, force_cooldown: Duration) -> Self {
        let timeout = minter.settings.timeout;
        let shared = Arc::new(Shared {
            present: ArcSwapOption::empty(),
            minter,
            pacing: Pacing::default(),
            force_cooldown,
            flights: SingleFlight::new(),
            tasks: Tasks::new(timeout),
            minting: AtomicU32::new(0),
            mints: AtomicU64::new(0),
            forced: AtomicU64::new(0),
        });
        Self { shared }
    }

    /// Returns the current token; mints one if there is none.
    ///
    /// A valid token is returned immediately, without a lock and without an allocation, even while
    /// it is renewed in the background. The future is cancel-safe: if it is dropped, the mint
    /// continues.
    ///
    /// # Errors
    ///
    /// Fails if there is no valid token and Clerk returns none. The first call after
    /// [`retry_after`](TokenSourceError::retry_after) asks Clerk again.
    pub async fn token(&self) -> Result<OutboundToken, TokenSourceError> {
        match self.ask() {
            Asked::Now(outcome) => outcome,
            Asked::Later(outcome) => outcome.await,
        }
    }

    /// Reports that a receiver responded to this token with 401.
    ///
    /// Returns `true` if it makes sense to repeat the call: there is a newer token, or one will be
    /// minted. That happens at most once in 30 seconds
    /// ([`force_cooldown`](super::M2mTokenSourceBuilder::force_cooldown)). A token that is refused
    /// within that time stays in use, since other receivers may accept it.
    pub fn refused(&self, token: &OutboundToken) -> bool {
        let shared = &*self.shared;
        let Some(present) = shared.present() else {
            return true;
        };
        if !present.is(token) || present.0.refused.load(Ordering::Relaxed) {
            return true;
        }
        let now = shared.minter.clock.monotonic();
        let forced = shared.pacing.may_force(now, shared.force_cooldown);
        if forced {
            tracing::debug!(token_id = %token.id(), "a receiver refused the M2M token");
            present.0.refused.store(true, Ordering::Relaxed);
        }
        forced
    }

    /// Mints the first token, so that no call has to wait for it.
    ///
    /// # Errors
    ///
    /// Fails like [`token`](Self::token).
    pub async fn warm_up(&self) -> Result<(), TokenSourceError> {
        self.token().await.map(drop)
    }

    /// Returns a snapshot of the source's health.
    #[must_use]
    pub fn health(&self) -> TokenSourceHealth {
        let shared = &*self.shared;
        let (present, clock) = (shared.present(), &*shared.minter.clock);
        let stage = present.as_ref().map(|token| token.0.stage(clock));
        let now = millis(clock.monotonic());
        let age = |token: &OutboundToken| now.saturating_sub(token.0.received_at) / 1_000;
        let expires_in = |token: &OutboundToken| {
            token.0.expires_at?;
            Some(token.0.remaining(clock).as_secs())
        };
        let (problem, last_error) = shared.pacing.problem();
        TokenSourceHealth {
            ready: matches!(stage, Some(Stage::Fresh | Stage::Due)),
            age_seconds: present.as_ref().map(age),
            expires_in_seconds: present.as_ref().and_then(expires_in),
            minting: shared.is_minting(),
            problem,
            last_error,
            mints: shared.mints.load(Ordering::Relaxed),
            forced: shared.forced.load(Ordering::Relaxed),
        }
    }

    /// Returns the current token, or a future for a new one.
    pub(super) fn ask(&self) -> Asked {
        let shared = &self.shared;
        let Some(present) = shared.present() else {
            return shared.wait(None);
        };
        match present.0.stage(&*shared.minter.clock) {
            Stage::Fresh => Asked::Now(Ok(present)),
            Stage::Due => {
                shared.renew_behind();
                Asked::Now(Ok(present))
            }
            Stage::Spare => shared.wait(Some(present)),
            Stage::Over => shared.wait(None),
        }
    }
}

impl Shared {
    fn present(&self) -> Option<OutboundToken> {
        self.present.load_full().map(OutboundToken)
    }

    fn is_minting(&self) -> bool {
        self.minting.load(Ordering::Relaxed) > 0
    }

    /// Starts a renewal in the background, unless one is in progress or a pause has not ended.
    fn renew_behind(self: &Arc<Self>) {
        if !self.is_minting() && self.pacing.allows(self.minter.clock.monotonic()) {
            // Without a runtime, a later caller that has one starts it.
            self.begin_or_join().ok();
        }
    }

    /// Waits for a mint. If it fails, a token that is about to expire or was refused by a receiver
    /// is better than none.
    fn wait(self: &Arc<Self>, spare: Option<OutboundToken>) -> Asked {
        let waiter = match self.begin_or_join() {
            Ok(Some(waiter)) => waiter,
            Ok(None) => {
                let now = self.minter.clock.monotonic();
                return Asked::Now(spare.ok_or_else(|| self.pacing.held_back(now)));
            }
            Err(_) => {
                return Asked::Now(spare.ok_or_else(TokenSourceError::no_runtime));
            }
        };
        let shared = Arc::clone(self);
        Asked::Later(Box::pin(async move {
            let outcome = shared.minted(waiter).await;
            outcome.or_else(|error| shared.usable(spare).ok_or(error))
        }))
    }

    /// The token may have expired during the wait.
    fn usable(&self, spare: Option<OutboundToken>) -> Option<OutboundToken> {
        let clock = &*self.minter.clock;
        spare.filter(|token| token.0.stage(clock) != Stage::Over)
    }

    async fn minted(self: &Arc<Self>, mut waiter: Flight<Outcome>) -> Outcome {
        let deadline = self.tasks.deadline();
        for _ in 0..ATTEMPTS_AFTER_LOSS {
            if let Ok(outcome) = waiter.result(deadline).await {
                return outcome;
            }
            // The lost mint may be about to remove its entry.
            tokio::task::yield_now().await;
            match self.begin_or_join() {
                Ok(Some(next)) => waiter = next,
                Ok(None) => return Err(self.pacing.held_back(self.minter.clock.monotonic())),
                Err(_) => return Err(TokenSourceError::no_runtime()),
            }
        }
        let outcome = waiter.result(deadline).await;
        outcome.unwrap_or_else(|_| Err(TokenSourceError::lost()))
    }

    fn begin_or_join(self: &Arc<Self>) -> Result<Option<Flight<Outcome>>, NoRuntime> {
        let now = self.minter.clock.monotonic();
        let may_begin = || self.pacing.allows(now);
        let shared = Arc::clone(self);
        self.flights
            .join_if((), &self.tasks, may_begin, move || shared.mint())
    }

    /// Runs a mint; its occasion is determined while no other one can start.
    fn mint(self: &Arc<Self>) -> impl Future<Output = Outcome> + Send + use<> {
        let (occasion, under_way) = (self.occasion(), UnderWay::begin(self));
        async move {
            let shared = Arc::clone(&under_way.0);
            let minted = shared.minter.mint(&occasion).await;
            shared.settle(minted)
        }
    }

    fn occasion(&self) -> Occasion {
        let Some(present) = self.present() else {
            return Occasion::First;
        };
        if present.0.refused.load(Ordering::Relaxed) {
            self.forced.fetch_add(1, Ordering::Relaxed);
            return Occasion::Refusal;
        }
        match present.0.stage(&*self.minter.clock) {
            Stage::Over => Occasion::First,
            _ => Occasion::Renewal(present),
        }
    }

    /// Applies the outcome of a mint.
    fn settle(&self, minted: Outcome) -> Outcome {
        let now = self.minter.clock.monotonic();
        match minted {
            Ok(token) => {
                self.mints.fetch_add(1, Ordering::Relaxed);
                if self.pacing.succeeded().is_some() {
                    tracing::info!("M2M tokens can be minted again");
                }
                Ok(self.adopt(token, now))
            }
            Err(error) => {
                let (error, news) = self.pacing.failed(error, now);
                if news {
                    tracing::warn!(%error, "an M2M token could not be minted; one that is still \
                        valid stays in use");
                }
                Err(error)
            }
        }
    }

    /// Makes this the current token, unless Clerk returned the current one again (rule O6).
    fn adopt(&self, token: OutboundToken, now: Duration) -> OutboundToken {
        match self.present() {
            Some(present) if present.0.id == token.0.id => {
                present.0.refused.store(false, Ordering::Relaxed);
                let margin = present.0.fresh_until;
                present.0.refresh_at.store(margin, Ordering::Relaxed);
                self.pacing.hold(now);
                present
            }
            _ => {
                self.present.store(Some(Arc::clone(&token.0)));
                token
            }
        }
    }
}

/// Counts a mint in progress until it is dropped.
struct UnderWay(Arc<Shared>);

impl UnderWay {
    fn begin(shared: &Arc<Shared>) -> Self {
        shared.minting.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.minting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for M2mTokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("M2mTokenSource")
            .field("present", &self.shared.present())
            .field("minter", &self.shared.minter)
            .finish_non_exhaustive()
    }
}
