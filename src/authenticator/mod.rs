//! The authenticator, independent of any web framework: turns a token into an identity or a
//! rejection.

mod core;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::core::{Accepted, Authentication, Core, Seen};
use crate::admin::AdminClient;
use crate::cache::Domain;
use crate::error::{AuthError, Reason};
use crate::health::{Health, LastError};
use crate::identity::MachineAuth;
use crate::invalidate::Invalidate as _;
use crate::keys::KeyStore;
use crate::machine_secret::MachineSecret;
use crate::opaque::load_failure;
use crate::problem::ProblemRecord;
use crate::revocation::Revocations;
use crate::stats::Stats;
use crate::token::{RawToken, TokenSource, TokenTypes};

/// Verifies machine tokens: JWTs locally, opaque tokens with Clerk; verdicts are cached.
///
/// Cheap to clone; clones share the cache, the keys, the call budget and the list of revocations.
/// Calls to Clerk need a Tokio runtime. Background tasks end when the last clone is dropped.
///
/// Use it in a [`ClerkMachineAuth`](crate::ClerkMachineAuth) layer, or call it directly:
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use clerk_machine_auth::testing::ClerkEmulator;
/// # let emulator = ClerkEmulator::start().await;
/// # let me = emulator.machine("reports").create();
/// # let token = emulator.api_key("user_2ab").scopes(["reports:read"]).create();
/// use clerk_machine_auth::Authenticator;
///
/// let clerk = Authenticator::builder()
///     .api_url(emulator.api_url())
///     .secret_key(emulator.secret_key())
///     .machine_id(me.id())
///     .build()?;
/// let auth = clerk.verify(token.token()).await?;
/// assert_eq!(auth.user_id(), Some("user_2ab"));
/// assert!(auth.has_scope("reports:read"));
/// assert!(clerk.verify("ak_made_up_0123456789").await.is_err());
/// # Ok(()) }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
///
/// # Security
///
/// The cache key of a verdict is a keyed hash of its token; the token itself is not stored. Expiry,
/// the accepted types, the receiver and local revocations are checked on every request, cached or
/// not. The [revocation budget](crate::docs::revocation) is the time until a revocation in Clerk
/// takes effect.
#[derive(Clone)]
pub struct Authenticator {
    pub(crate) core: Arc<Core>,
}

impl Authenticator {
    pub(crate) fn new(core: Core) -> Self {
        let core = Arc::new(core);
        core.join_fleet();
        Self { core }
    }

    /// Verifies the token in the `Authorization` field of a request.
    ///
    /// # Errors
    ///
    /// Fails with [`MissingToken`](crate::AuthErrorKind::MissingToken) if the request carries no
    /// bearer token, with [`InvalidRequest`](crate::AuthErrorKind::InvalidRequest) if it does not
    /// carry exactly one well-formed token (RFC 6750 §2.1), and like [`verify`](Self::verify).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use clerk_machine_auth::{AuthErrorKind, Authenticator};
    ///
    /// let clerk = Authenticator::builder()
    ///     .secret_key("sk_test_51d3f0b1c2e4a5968778695a4b3c2d1e0f")
    ///     .machine_id("mch_2vYVtestTESTtestTESTtestTEST")
    ///     .build()?;
    /// let request = http::Request::get("/reports").body(())?;
    /// let error = clerk.authenticate(request.headers()).await.unwrap_err();
    /// assert_eq!(error.kind(), AuthErrorKind::MissingToken);
    /// # Ok(()) }
    /// ```
    pub async fn authenticate(&self, headers: &http::HeaderMap) -> Result<MachineAuth, AuthError> {
        let source = self.token_source(None);
        match source.find(headers) {
            Ok(Some((token, _))) => self.verify_raw(token).await,
            Ok(None) => self.counted(Err(Reason::NoToken.into()), Seen::NO_TOKEN),
            Err(_) => self.counted(Err(Reason::Malformed.into()), Seen::NO_TOKEN),
        }
    }

    /// Verifies a token.
    ///
    /// # Errors
    ///
    /// Fails with [`InvalidRequest`](crate::AuthErrorKind::InvalidRequest) if the text is not a
    /// well-formed bearer token, with [`InvalidToken`](crate::AuthErrorKind::InvalidToken) if the
    /// token is not accepted, and with [`Unavailable`](crate::AuthErrorKind::Unavailable) if it
    /// cannot be verified right now.
    pub async fn verify(&self, token: &str) -> Result<MachineAuth, AuthError> {
        match RawToken::new(token.as_bytes(), self.core.max_token_len) {
            Ok(token) => self.verify_raw(token).await,
            Err(_) => self.counted(Err(Reason::Malformed.into()), Seen::NO_TOKEN),
        }
    }

    async fn verify_raw(&self, token: RawToken<'_>) -> Result<MachineAuth, AuthError> {
        let accept = Accepted::in_every_format(TokenTypes::all());
        let Authentication { verdict, seen, .. } = self.core.authenticate(token, accept);
        self.counted(verdict.into_result().await, seen)
    }

    fn counted(
        &self,
        verdict: Result<MachineAuth, AuthError>,
        seen: Seen,
    ) -> Result<MachineAuth, AuthError> {
        self.core.count(verdict.as_ref(), seen);
        verdict
    }

    /// Returns the issuer whose JWTs are accepted, if it is known.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.core.issuer.as_deref()
    }

    pub(crate) fn token_source(&self, api_key_header: Option<http::HeaderName>) -> TokenSource {
        TokenSource {
            api_key_header,
            max_len: self.core.max_token_len,
        }
    }

    /// Fetches the keys and loads a managed machine secret before the first request.
    ///
    /// A fixed machine secret is checked by the verification of a made-up M2M token.
    ///
    /// This is optional: without it, the first requests wait.
    ///
    /// # Errors
    ///
    /// Fails with [`Unavailable`](crate::AuthErrorKind::Unavailable) if Clerk does not return them
    /// or refuses the machine secret. Later requests try again. The log and
    /// [`health`](Self::health) name the setting.
    pub async fn warm_up(&self) -> Result<(), AuthError> {
        let secret = self.warm_up_machine_secret().await;
        // A wrong machine secret says nothing about the keys.
        self.warm_up_keys().await.and(secret)
    }

    async fn warm_up_machine_secret(&self) -> Result<(), AuthError> {
        let core = &self.core;
        let Some(secret) = &core.own.machine else {
            return Ok(());
        };
        secret.load().await.map_err(|error| load_failure(&error))?;
        // A managed secret came from Clerk, and is fetched again if it is refused.
        if secret.machine_id().is_some() {
            return Ok(());
        }
        // The key of the empty token, which no request can send.
        let key = core.hasher.key(Domain::M2m, b"");
        let verifier = Arc::clone(&core.opaque);
        verifier.check_machine_secret(key).await
    }

    async fn warm_up_keys(&self) -> Result<(), AuthError> {
        let core = &self.core;
        let Some(keys) = core.keys() else {
            return Ok(());
        };
        if keys.current(core.clock.monotonic(), &core.tasks).is_none()
            && let Some(fetch) = keys.fetch(core.clock.monotonic(), &core.tasks)?
        {
            // The check below shows whether it succeeded.
            fetch.result(core.tasks.deadline()).await.ok();
        }
        let ready = keys.current(core.clock.monotonic(), &core.tasks);
        ready.map(|_| ()).ok_or_else(|| Reason::NoKeys.into())
    }

    /// Invalidates the cached verdict on a token.
    pub fn invalidate_token(&self, token: &str) {
        self.core.invalidations.invalidate_token(token);
    }

    /// Invalidates the cached verdict on the token or key with this identifier.
    pub fn invalidate_id(&self, id: &str) {
        self.core.invalidations.invalidate_id(id);
    }

    /// Invalidates the cached verdicts on a machine, a user or an organization, and on all its
    /// tokens.
    pub fn invalidate_subject(&self, subject: &str) {
        self.core.invalidations.invalidate_subject(subject);
    }

    /// Invalidates every cached verdict.
    pub fn invalidate_all(&self) {
        self.core.invalidations.invalidate_all();
    }

    /// Returns the list of tokens and senders that this process rejects, regardless of Clerk's
    /// verdict.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        &self.core.revocations
    }

    /// Returns an admin client with the secrets of this authenticator; `None` if it has none.
    ///
    /// Revoking or deleting something through it invalidates the cached verdicts immediately.
    #[must_use]
    pub fn admin(&self) -> Option<&AdminClient> {
        self.core.admin.as_ref()
    }

    /// Returns a snapshot of this authenticator's health, without waiting.
    ///
    /// If the keys or the machine secret are missing because fetching them failed, this starts the
    /// next attempt in the background, paced like any other. A replica that is not
    /// [ready](Health::is_ready) gets no requests that would start it.
    #[must_use]
    pub fn health(&self) -> Health {
        let core = &self.core;
        core.join_fleet();
        let now = core.clock.monotonic();
        let ready = self.is_ready(now);
        let reports = core.upstream.status();
        let keys = core.keys().and_then(KeyStore::record);
        let secret = core.own.machine.as_ref().and_then(MachineSecret::record);
        let records = [Some(reports.calls()), secret, keys];
        let records = || records.iter().copied().flatten();
        let at = |error: &LastError| error.at;
        let (calls_left_unknown, calls_left_known) = core.upstream.budget_left();
        let (opaque_good, opaque_bad) = core.opaque.cache.len();
        Health {
            keys_age_seconds: core
                .keys()
                .and_then(|keys| keys.age(now))
                .map(|age| age.as_secs()),
            keys_ready: core.keys().is_some_and(|keys| keys.is_ready(now)),
            breaker: core.upstream.breaker(),
            ready,
            problem: records()
                .filter_map(ProblemRecord::now)
                .max_by_key(at)
                .map(|error| error.problem),
            last_error: records().filter_map(ProblemRecord::last).max_by_key(at),
            calls_left_unknown,
            calls_left_known,
            throttled_refreshes: reports.throttled_refreshes(),
            calls_free: core.upstream.free_slots(),
            in_flight: core.tasks.running(),
            cached_valid: opaque_good
                .saturating_add(core.jwt.as_ref().map_or(0, |jwt| jwt.cache.len().0)),
            cached_rejected: opaque_bad,
            fleet: core.fleet.as_ref().map(|fleet| fleet.health()),
        }
    }

    /// Returns `true` unless all tokens of one format are unavailable, and then starts the attempt
    /// that may fix it.
    fn is_ready(&self, now: Duration) -> bool {
        let core = &self.core;
        let has_failed =
            |record: Option<&ProblemRecord>| record.is_some_and(|it| it.now().is_some());
        let keys = core.keys().filter(|keys| !keys.is_ready(now));
        let keys = keys.filter(|keys| has_failed(keys.record()));
        let secret = core.own.machine.as_ref();
        let secret = secret.filter(|secret| secret.current().is_none());
        let secret = secret.filter(|secret| has_failed(secret.record()));
        if let Some(keys) = keys {
            let _detached = keys.fetch(now, &core.tasks);
        }
        if let Some(secret) = secret {
            secret.begin_load();
        }
        keys.is_none() && secret.is_none()
    }

    /// Returns what this authenticator has done since it was built: counters that only grow.
    ///
    /// A request is counted when its response is there, by the outermost layer of this authenticator;
    /// each call of [`verify`](Self::verify) and [`authenticate`](Self::authenticate) counts as a
    /// request.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let held_back = self.core.upstream.status().held_back();
        Stats::read(&self.core.counters, held_back)
    }

    /// Stops all background tasks and waits for them to end.
    ///
    /// Cached tokens are still accepted. Tokens for which Clerk would have to be asked are
    /// unavailable.
    pub async fn shutdown(&self) {
        self.core.tasks.shutdown().await;
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pinned = matches!(self.core.keys(), Some(KeyStore::Static(_)));
        f.debug_struct("Authenticator")
            .field("accepted", &self.core.accepted)
            .field("receiver", &self.core.receiver)
            .field("pinned_key", &pinned)
            .finish_non_exhaustive()
    }
}
