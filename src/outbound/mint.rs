//! A mint: the request to Clerk, and the times of the token that it returns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use super::error::TokenSourceError;
use super::token::{self, Minted, OutboundToken};
use crate::admin::{AdminClient, AdminError, CreatedM2mToken};
use crate::clock::Clock;
use crate::clock::millis;
use crate::identity::TokenFormat;
use crate::random;

/// What a token without an expiry is taken to live, for its renewal only (rule O9).
const LIFETIME_WITHOUT_EXPIRY: Duration = Duration::from_secs(3_600);
/// Below this lifetime a token is renewed at half of it: a fifth of it would leave no time for
/// one failed attempt.
const SHORT_LIFETIME: Duration = Duration::from_secs(120);
const SHORT_REFRESH: f64 = 0.5;
/// Spreads the renewals of many replicas by this fraction of the lifetime, in both directions.
const REFRESH_JITTER: f64 = 0.05;
/// Clerk accepts whole seconds; one more than the remaining lifetime of the current token excludes
/// it.
const ONE_SECOND: Duration = Duration::from_secs(1);

/// Mints tokens through the admin client.
#[derive(Debug)]
pub(super) struct Minter {
    pub(super) client: AdminClient,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: MintSettings,
}

/// The settings that affect mints.
#[derive(Debug, Clone)]
pub(super) struct MintSettings {
    pub(super) format: TokenFormat,
    pub(super) lifetime: Option<Duration>,
    pub(super) claims: Option<Value>,
    pub(super) shared: bool,
    pub(super) refresh_at: f64,
    pub(super) expiry_margin: Duration,
    pub(super) timeout: Duration,
}

/// Why a token is minted.
#[derive(Debug, Clone)]
pub(super) enum Occasion {
    /// There is none, or the current one has expired.
    First,
    /// The current one is due for renewal.
    Renewal(OutboundToken),
    /// The current one was refused: with `min_remaining_ttl_seconds` Clerk would return it again.
    Refusal,
}

impl Minter {
    /// Creates one token through the Backend API.
    pub(super) async fn mint(
        &self,
        occasion: &Occasion,
    ) -> Result<OutboundToken, TokenSourceError> {
        let timeout = self.settings.timeout;
        let created = tokio::time::timeout(timeout, self.ask(occasion)).await;
        let created = created
            .map_err(|_| TokenSourceError::timeout(timeout))?
            .map_err(TokenSourceError::clerk)?;
        self.received(&created)
    }

    async fn ask(&self, occasion: &Occasion) -> Result<CreatedM2mToken, AdminError> {
        let format = self.settings.format;
        let mut create = self.client.m2m_tokens().create().format(format);
        if let Some(lifetime) = self.settings.lifetime {
            create = create.expires_in(lifetime);
        }
        if let Some(claims) = &self.settings.claims {
            create = create.claims(claims);
        }
        if let Some(ttl) = self.min_remaining_ttl(occasion) {
            create = create.min_remaining_ttl(ttl);
        }
        create.send().await
    }

    /// Returns the remaining lifetime that an existing token must have to be returned by Clerk
    /// (rule O6).
    ///
    /// It is always longer than that of the current one, or Clerk would return it. It is also
    /// longer than the part of the lifetime in which a token is due for renewal immediately.
    fn min_remaining_ttl(&self, occasion: &Occasion) -> Option<Duration> {
        if !self.settings.shared {
            return None;
        }
        let (wanted, lifetime) = match occasion {
            Occasion::Refusal => return None,
            Occasion::Renewal(present) => {
                let lifetime = self.settings.lifetime.unwrap_or(present.0.lifetime);
                let left = present.0.remaining(&*self.clock);
                (left.max(self.refresh_window(lifetime)), Some(lifetime))
            }
            Occasion::First => match self.settings.lifetime {
                Some(lifetime) => (self.refresh_window(lifetime), Some(lifetime)),
                // The machine's default is not known yet.
                None => (self.settings.expiry_margin, None),
            },
        };
        let wanted = whole_seconds(wanted).saturating_add(ONE_SECOND);
        let most = lifetime.map_or(wanted, |lifetime| lifetime.saturating_sub(ONE_SECOND));
        let ttl = Duration::from_secs(wanted.min(most).as_secs());
        (!ttl.is_zero()).then_some(ttl)
    }

    /// The last part of a lifetime, in which a token is due for renewal.
    fn refresh_window(&self, lifetime: Duration) -> Duration {
        let window = 1.0 - self.refresh_fraction(lifetime) + REFRESH_JITTER;
        lifetime.mul_f64(window.clamp(0.0, 1.0))
    }

    fn refresh_fraction(&self, lifetime: Duration) -> f64 {
        if lifetime < SHORT_LIFETIME {
            self.settings.refresh_at.min(SHORT_REFRESH)
        } else {
            self.settings.refresh_at
        }
    }

    fn received(&self, created: &CreatedM2mToken) -> Result<OutboundToken, TokenSourceError> {
        let secret = created.token.expose_secret();
        let header = token::authorization(secret).filter(|_| !secret.is_empty());
        let header = header.ok_or_else(TokenSourceError::unreadable)?;
        let times = self.times(created)?;
        Ok(OutboundToken(Arc::new(Minted {
            header,
            id: created.info.id.clone(),
            expires_at: times.expires_at,
            lifetime: times.lifetime,
            received_at: times.now,
            refresh_at: AtomicU64::new(times.refresh_at),
            fresh_until: times.fresh_until,
            usable_until: times.usable_until,
            looked_at: AtomicU64::new(u64::MAX),
            refused: AtomicBool::new(false),
        })))
    }

    /// Converts Clerk's times to those of this process (rules O2, O3 and O9).
    fn times(&self, created: &CreatedM2mToken) -> Result<Times, TokenSourceError> {
        let now = millis(self.clock.monotonic());
        let Some(expires) = created.info.expiration else {
            let lifetime = LIFETIME_WITHOUT_EXPIRY;
            let refresh_after = lifetime.mul_f64(self.vary(self.refresh_fraction(lifetime)));
            return Ok(Times {
                now,
                expires_at: None,
                lifetime,
                refresh_at: now.saturating_add(millis(refresh_after)),
                fresh_until: u64::MAX,
                usable_until: u64::MAX,
            });
        };
        let wall = self.clock.unix_time();
        let expires_at = expires.duration_since(UNIX_EPOCH).unwrap_or_default();
        let left = expires_at.saturating_sub(wall);
        if left.is_zero() {
            let wall = UNIX_EPOCH.checked_add(wall).unwrap_or(UNIX_EPOCH);
            return Err(TokenSourceError::clock(expires, wall));
        }
        let lives = |at| expires.duration_since(at).ok();
        let lifetime = created.info.created_at.and_then(lives).unwrap_or(left);
        // If our clock is behind, Clerk's own times bound the lifetime.
        let left = left.min(lifetime);
        let fresh_for = left.saturating_sub(self.settings.expiry_margin.min(left.mul_f64(0.25)));
        Ok(Times {
            now,
            expires_at: Some(expires_at),
            lifetime,
            refresh_at: now.saturating_add(millis(self.refresh_after(lifetime, left, fresh_for))),
            fresh_until: now.saturating_add(millis(fresh_for)),
            usable_until: now.saturating_add(millis(left)),
        })
    }

    /// Returns after which time the token is due for renewal.
    ///
    /// A token that another replica has already used is due after that fraction of its *lifetime*,
    /// but never before half of its remaining time: with a wrong clock, it would be renewed
    /// endlessly.
    fn refresh_after(&self, lifetime: Duration, left: Duration, fresh_for: Duration) -> Duration {
        let fraction = self.vary(self.refresh_fraction(lifetime));
        let rest = lifetime.mul_f64(1.0 - fraction);
        let earliest = left.mul_f64(fraction.min(0.5));
        // Before the token enters its margin, so that the renewal runs in the background.
        let latest = fresh_for.mul_f64(0.95);
        left.saturating_sub(rest).max(earliest).min(latest)
    }

    fn vary(&self, fraction: f64) -> f64 {
        let spread = REFRESH_JITTER * (2.0 * random::fraction() - 1.0);
        (fraction + spread).clamp(0.01, 1.0)
    }
}

/// Rounds up.
fn whole_seconds(time: Duration) -> Duration {
    let begun = u64::from(time.subsec_nanos() > 0);
    Duration::from_secs(time.as_secs().saturating_add(begun))
}

/// The times of a token; see [`Minted`].
struct Times {
    now: u64,
    expires_at: Option<Duration>,
    lifetime: Duration,
    refresh_at: u64,
    fresh_until: u64,
    usable_until: u64,
}
