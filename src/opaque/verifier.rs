//! Verifies opaque tokens, from the cache or with Clerk.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header;
use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use super::answer::OpaquePolicy;
use super::known_tokens::KnownTokens;
use super::observe::observed;
use crate::backend::{AdminError, AdminErrorKind, ResponseClass};
use crate::cache::{CacheKey, CacheValue, Fetched, Lookup, Outcome, Priority, VerdictCache};
use crate::clock::{self, Clock};
use crate::credential::{Credential, SecretChoice, Secrets};
use crate::error::{AuthError, Reason};
use crate::fleet::Replica;
use crate::fleet::{ClerkAnswer, PATIENCE};
use crate::id::MachineId;
use crate::identity::{MachineAuth, UnixMillis};
use crate::problem::UpstreamProblem;
use crate::receiver::Receiver;
use crate::setting::SECRET_KEY;
use crate::stats::{CallCounters, Source};
use crate::tasks::Wait;
use crate::token::{BearerToken, TokenType};
use crate::transport::{Answer, BaseUrl, Call, RetryPolicy, Transport};
use crate::upstream::{CallInfo, Endpoint, Permit, UpstreamGuard};

/// The `Retry-After` while a machine secret is being loaded. A failed load is not retried sooner.
const LOAD_PAUSE: Duration = Duration::from_secs(1);

/// The fleet, and who this service is in it.
#[derive(Debug)]
pub(crate) struct SharedAnswers {
    pub(crate) replica: Arc<Replica>,
    /// Which machine this service is, where that is known.
    pub(crate) me: Option<MachineId>,
}

/// Verifies opaque tokens.
#[derive(Debug)]
pub(crate) struct OpaqueVerifier {
    pub(crate) cache: Arc<VerdictCache<MachineAuth>>,
    pub(crate) transport: Transport,
    pub(crate) calls: Arc<CallCounters>,
    pub(crate) api: BaseUrl,
    pub(crate) secrets: Secrets,
    pub(crate) load_queue: LoadQueue,
    pub(crate) upstream: Arc<UpstreamGuard>,
    pub(crate) policy: OpaquePolicy,
    pub(crate) receiver: Arc<Receiver>,
    pub(crate) known: KnownTokens,
    /// The timeout of one verification, including all waits and retries.
    pub(crate) timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    /// Those that answers are shared with.
    pub(crate) fleet: Option<SharedAnswers>,
}

/// Bounds the tokens that wait for a machine secret that is not loaded yet. Each of them waits in a
/// task, before the call budget is charged.
#[derive(Debug)]
pub(crate) struct LoadQueue(Semaphore);

impl Default for LoadQueue {
    /// As many as the default number of calls in flight, 256: more could not be verified at once after
    /// the load.
    fn default() -> Self {
        Self(Semaphore::new(256))
    }
}

/// A token to verify with Clerk.
pub(super) struct Verification {
    pub(super) token_type: TokenType,
    pub(super) token: SecretString,
    pub(super) call: CallInfo,
    pub(super) deadline: Instant,
    /// Whether an answer that Clerk gave to another replica will do.
    pub(super) is_shared: bool,
}

/// What came of asking Clerk, and its answer if that is about the token.
pub(super) struct Answered {
    pub(super) outcome: Outcome<MachineAuth>,
    pub(super) answer: Option<ClerkAnswer>,
}

/// The outcome of a call with one secret.
enum Attempt {
    Ended(Answered),
    /// Clerk does not know the secret.
    SecretRejected(Answered),
}

impl CacheValue for MachineAuth {
    fn tags(&self) -> [&str; 2] {
        [self.id(), self.subject()]
    }

    fn heap_size(&self) -> usize {
        Self::heap_size(self)
    }

    fn mark_stale(&mut self) {
        Self::mark_stale(self);
    }
}

impl OpaqueVerifier {
    /// Returns a verdict that is fresh and not due for a refresh.
    pub(crate) fn cached(&self, key: &CacheKey, now: Duration) -> Option<MachineAuth> {
        self.cache.get_fresh(key, now)
    }

    /// Verifies a token, from the cache if possible and with Clerk otherwise.
    pub(crate) fn verify(
        self: &Arc<Self>,
        token_type: TokenType,
        token: BearerToken<'_>,
        key: CacheKey,
        now: Duration,
        wait: Wait<'_>,
    ) -> (Lookup<MachineAuth>, Source) {
        let fetch = || {
            let (verifier, token) = (Arc::clone(self), SecretString::from(token.as_str()));
            move |priority| {
                let verifier = Arc::clone(&verifier);
                let token = token.clone();
                async move {
                    verifier
                        .fetch(token_type, token, (key, priority), true)
                        .await
                }
            }
        };
        self.cache.get_or_fetch(key, now, wait, fetch)
    }

    /// Verifies a token with Clerk.
    async fn fetch(
        &self,
        token_type: TokenType,
        token: SecretString,
        (key, priority): (CacheKey, Priority),
        is_shared: bool,
    ) -> Fetched<MachineAuth> {
        let asked_at = self.clock.monotonic();
        let priority = match priority {
            Priority::New if self.known.contains(&key, asked_at) => Priority::Revalidation,
            priority => priority,
        };
        let span =
            tracing::debug_span!("clerk.verify", token_type = token_type.as_str(), ?priority);
        let verification = Verification {
            token_type,
            token,
            call: CallInfo {
                priority,
                endpoint: Endpoint::Token(token_type),
                key,
                patience: PATIENCE,
            },
            deadline: clock::after(self.timeout),
            is_shared,
        };
        let fetched = self.answer(verification).instrument(span).await;
        let outcome = self.for_this_receiver(fetched.outcome);
        match outcome {
            Outcome::Valid(_) => self.known.insert(key, asked_at),
            Outcome::Rejected(_) => self.known.remove(&key),
            Outcome::Unavailable(_) => {}
        }
        log(token_type, &outcome);
        Fetched { outcome, ..fetched }
    }

    /// Turns a valid verdict into a rejection if the token can never be accepted here. Such a verdict
    /// must not evict accepted ones, nor be refreshed with the priority of known tokens.
    fn for_this_receiver(&self, outcome: Outcome<MachineAuth>) -> Outcome<MachineAuth> {
        match &outcome {
            Outcome::Valid(MachineAuth::M2m(token)) => match self.receiver.check_opaque(token) {
                Ok(()) => outcome,
                Err(reason) => Outcome::Rejected(reason),
            },
            _ => outcome,
        }
    }

    /// Checks that Clerk accepts the machine secret, by verifying a token that does not exist. `key` is
    /// the cache key of no token.
    ///
    /// # Errors
    ///
    /// Returns an error if Clerk refuses the secret, or if that cannot be determined.
    pub(crate) async fn check_machine_secret(&self, key: CacheKey) -> Result<(), AuthError> {
        let token = SecretString::from(format!("mt_{}", "0".repeat(32)));
        // What Clerk said to another replica says nothing about the secret of this one.
        let question = (key, Priority::New);
        let fetched = self.fetch(TokenType::M2m, token, question, false).await;
        match fetched.outcome {
            Outcome::Valid(_) | Outcome::Rejected(_) => Ok(()),
            Outcome::Unavailable(error) => Err(error),
        }
    }

    async fn answer(&self, verification: Verification) -> Fetched<MachineAuth> {
        match self.credential(&verification).await {
            Ok(credential) => self.find(verification, &credential).await,
            Err(Reason::OwnSecret) => Outcome::Rejected(Reason::OwnSecret).into(),
            Err(reason) => self.no_secret(reason).into(),
        }
    }

    pub(super) async fn ask(
        &self,
        verification: &Verification,
        credential: &Credential,
    ) -> Answered {
        let answered = match self.ask_as(verification, credential).await {
            Attempt::Ended(answered) => return answered,
            Attempt::SecretRejected(answered) => answered,
        };
        let renewed = timeout_at(verification.deadline, credential.renewed()).await;
        let Some(renewed) = renewed.ok().flatten() else {
            return answered;
        };
        let (Attempt::Ended(answered) | Attempt::SecretRejected(answered)) =
            self.ask_as(verification, &renewed).await;
        if matches!(answered.outcome, Outcome::Valid(_) | Outcome::Rejected(_)) {
            renewed.accepted();
        }
        answered
    }

    /// Selects the secret for the call: the machine secret for M2M tokens, because Clerk then checks
    /// that the token may reach this machine.
    ///
    /// A machine secret looks like an API key. An API key that is the machine secret of this service
    /// fails with `OwnSecret`. A managed secret is loaded first, because it cannot be compared before.
    async fn credential(&self, verification: &Verification) -> Result<Credential, Reason> {
        let (token, deadline) = (&verification.token, verification.deadline);
        let choice = match verification.token_type {
            TokenType::M2m => SecretChoice::MachineElseInstance,
            TokenType::ApiKey | TokenType::OAuth => SecretChoice::Instance,
        };
        if verification.token_type != TokenType::OAuth {
            self.load_machine_secret(deadline).await?;
        }
        if self.secrets.contains(token.expose_secret().as_bytes()) {
            return Err(Reason::OwnSecret);
        }
        let selected = self.secrets.select(&choice).await;
        selected.map_err(|error| load_failure(&error))
    }

    async fn load_machine_secret(&self, deadline: Instant) -> Result<(), Reason> {
        let machine = self.secrets.machine.as_ref();
        let Some(secret) = machine.filter(|secret| secret.current().is_none()) else {
            return Ok(());
        };
        let queue = &self.load_queue.0;
        let _queued = queue.try_acquire().map_err(|_| Reason::Overload)?;
        let loaded = timeout_at(deadline, secret.load()).await;
        let loaded = loaded.map_err(|_| Reason::Upstream)?;
        loaded.map(|_| ()).map_err(|error| load_failure(&error))
    }

    fn no_secret(&self, reason: Reason) -> Outcome<MachineAuth> {
        if reason == Reason::Overload {
            // Too many tokens are waiting, which says nothing about Clerk.
            return Outcome::Unavailable(AuthError::unavailable_for(reason, LOAD_PAUSE));
        }
        self.upstream.note(match reason {
            Reason::Credentials => (UpstreamProblem::Credentials, Some(SECRET_KEY)),
            _ => (UpstreamProblem::Failing, None),
        });
        Outcome::Unavailable(reason.into())
    }

    async fn ask_as(&self, verification: &Verification, credential: &Credential) -> Attempt {
        let (call, deadline) = (verification.call, verification.deadline);
        let permit = match self.upstream.acquire(call, deadline).await {
            Ok(permit) => permit,
            Err(error) => return Attempt::Ended(Outcome::Unavailable(error).into()),
        };
        let may_retry = || self.upstream.may_retry(call.priority);
        let call = self.call(verification, credential);
        match self.transport.send_while(&call, may_retry).await {
            Ok(answer) => self.judge(verification.token_type, &answer, credential, permit),
            Err(error) => {
                tracing::debug!(%error, "no answer");
                let error = permit.report_lost(error.is_unreadable());
                Attempt::Ended(Outcome::Unavailable(error).into())
            }
        }
    }

    fn call(&self, verification: &Verification, credential: &Credential) -> Call {
        let (path, member): (&[&str], _) = match verification.token_type {
            TokenType::M2m => (&["v1", "m2m_tokens", "verify"], "token"),
            TokenType::ApiKey => (&["v1", "api_keys", "verify"], "secret"),
            TokenType::OAuth => (
                &["v1", "oauth_applications", "access_tokens", "verify"],
                "access_token",
            ),
        };
        let left = verification
            .deadline
            .saturating_duration_since(Instant::now());
        let call = Call::post(self.api.join(path), RetryPolicy::verification(left))
            .json(body(member, &verification.token))
            .observed(Some(observed(verification.token_type, &self.calls)));
        match credential.authorization() {
            Some(value) => call.header(header::AUTHORIZATION, value),
            None => call,
        }
    }

    /// Reads the response, and reports what it says about Clerk.
    fn judge(
        &self,
        token_type: TokenType,
        answer: &Answer,
        credential: &Credential,
        permit: Permit<'_>,
    ) -> Attempt {
        let (class, verdict) = self.read(token_type, answer);
        tracing::debug!(status = answer.status.as_u16(), ?class, "answered");
        match permit.report(class, answer.retry_after(), credential.setting()) {
            Ok(()) => Attempt::Ended(Answered {
                outcome: match verdict {
                    Ok(auth) => Outcome::Valid(auth),
                    Err(reason) => Outcome::Rejected(reason),
                },
                answer: Some(ClerkAnswer::of(answer)),
            }),
            Err(error) if class == ResponseClass::SecretRejected => {
                Attempt::SecretRejected(Outcome::Unavailable(error).into())
            }
            Err(error) => Attempt::Ended(Outcome::Unavailable(error).into()),
        }
    }

    /// Parses a 200. A body that is not of the documented form gives no verdict.
    pub(super) fn read(
        &self,
        token_type: TokenType,
        answer: &Answer,
    ) -> (ResponseClass, Result<MachineAuth, Reason>) {
        let class = ResponseClass::of(answer);
        if class != ResponseClass::Ok {
            return (class, Err(class.reason()));
        }
        let now = UnixMillis::from_duration(self.clock.unix_time());
        match self.policy.read(token_type, &answer.body, now) {
            Err(Reason::UpstreamAnswer) => (ResponseClass::Unexpected, Err(Reason::UpstreamAnswer)),
            verdict => (class, verdict),
        }
    }
}

/// Distinguishes a Clerk that refuses to return the machine secret from one that does not respond.
pub(crate) fn load_failure(error: &AdminError) -> Reason {
    match error.api() {
        Some(api) if api.status.is_client_error() && !api.is_rate_limited() => Reason::Credentials,
        Some(_) => Reason::Upstream,
        None if error.kind() == AdminErrorKind::MissingSecret => Reason::Credentials,
        None => Reason::Upstream,
    }
}

/// Writes `{"<member>":"<token>"}` into memory that is wiped when it is dropped.
///
/// The alphabet of a bearer token contains nothing that JSON would escape.
fn body(member: &str, token: &SecretString) -> Bytes {
    let parts = ["{\"", member, "\":\"", token.expose_secret(), "\"}"];
    let len = parts.iter().map(|part| part.len()).sum();
    let mut body = Zeroizing::new(Vec::with_capacity(len));
    for part in parts {
        body.extend_from_slice(part.as_bytes());
    }
    Bytes::from_owner(body)
}

fn log(token_type: TokenType, outcome: &Outcome<MachineAuth>) {
    let token_type = token_type.as_str();
    match outcome {
        Outcome::Valid(auth) => {
            tracing::debug!(token_type, id = auth.id(), "Clerk verified a token");
        }
        Outcome::Rejected(reason) => tracing::debug!(token_type, ?reason, "Clerk rejected a token"),
        Outcome::Unavailable(error) => {
            let reason = error.reason();
            // The guard reports a problem once. This line may be logged for every request.
            tracing::debug!(token_type, reason, "a token could not be verified");
        }
    }
}
