//! Asks Clerk about one token.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header;
use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::answer::OpaquePolicy;
use super::credential::{Credential, Secrets};
use super::known_tokens::KnownTokens;
use super::status::ResponseClass;
use crate::cache::{CacheKey, Outcome, Priority};
use crate::clock::{self, Clock};
use crate::error::{AuthError, Reason};
use crate::identity::{MachineAuth, UnixMillis};
use crate::machine_secret::MachineSecret;
use crate::problem::UpstreamProblem;
use crate::secret::InstanceSecret;
use crate::setting::SECRET_KEY;
use crate::token::TokenType;
use crate::transport::{Answer, BaseUrl, Call, RetryPolicy, Transport, TransportError};
use crate::upstream::{CallInfo, Endpoint, Permit, UpstreamGuard};

/// When to come back while a machine secret is loaded: a load that fails is not tried sooner.
const LOAD_PAUSE: Duration = Duration::from_secs(1);

/// What a verifier is made of.
#[derive(Debug)]
pub(crate) struct OpaqueParts {
    pub(crate) transport: Transport,
    pub(crate) api: BaseUrl,
    pub(crate) instance: Option<InstanceSecret>,
    pub(crate) machine: Option<MachineSecret>,
    pub(crate) upstream: Arc<UpstreamGuard>,
    pub(crate) policy: OpaquePolicy,
    /// For one verification, all waits and tries included.
    pub(crate) timeout: Duration,
    /// How many good verdicts are cached.
    pub(crate) capacity: u64,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Verifies opaque tokens.
#[derive(Debug)]
pub(crate) struct OpaqueVerifier {
    parts: OpaqueParts,
    secrets: Secrets,
    known: KnownTokens,
}

/// One question to Clerk.
struct Verification {
    token_type: TokenType,
    token: SecretString,
    call: CallInfo,
    deadline: Instant,
}

/// What came of asking with one secret.
enum Attempt {
    Ended(Outcome<MachineAuth>),
    /// Clerk does not know the secret.
    BadSecret(Outcome<MachineAuth>),
}

impl OpaqueVerifier {
    pub(crate) fn new(parts: OpaqueParts) -> Self {
        let secrets = Secrets::new(parts.instance.clone(), parts.machine.clone());
        Self {
            known: KnownTokens::new(parts.capacity),
            parts,
            secrets,
        }
    }

    /// Asks Clerk about a token.
    ///
    /// `for_here` turns down what is genuine and can never be let in by this service: such a token
    /// gets no better lane than an unknown one.
    pub(crate) async fn ask(
        self: Arc<Self>,
        token_type: TokenType,
        token: SecretString,
        key: CacheKey,
        priority: Priority,
        for_here: impl FnOnce(Outcome<MachineAuth>) -> Outcome<MachineAuth>,
    ) -> Outcome<MachineAuth> {
        let is_known = || self.known.contains(&key, self.parts.clock.monotonic());
        let priority = match priority {
            Priority::New if is_known() => Priority::Revalidation,
            priority => priority,
        };
        let span =
            tracing::debug_span!("verify_opaque", token_type = token_type.as_str(), ?priority);
        let deadline = clock::after(self.parts.timeout);
        let verification = Verification {
            token_type,
            token,
            call: CallInfo {
                priority,
                endpoint: Endpoint::Token(token_type),
                key,
            },
            deadline,
        };
        let asked = self.parts.clock.monotonic();
        let outcome = for_here(self.answer(&verification).instrument(span).await);
        match outcome {
            Outcome::Valid(_) => self.known.insert(key, asked),
            Outcome::Rejected(_) => self.known.remove(&key),
            Outcome::Unavailable(_) => {}
        }
        log(token_type, &outcome);
        outcome
    }

    /// Asks Clerk whether it takes the machine secret, by a token that nobody has; `name` is one
    /// that no token has.
    ///
    /// # Errors
    ///
    /// Fails if it does not, or if that cannot be found out.
    pub(crate) async fn check_machine_secret(
        self: Arc<Self>,
        key: CacheKey,
    ) -> Result<(), AuthError> {
        let token = SecretString::from(format!("mt_{}", "0".repeat(32)));
        match self
            .ask(
                TokenType::M2m,
                token,
                key,
                Priority::New,
                std::convert::identity,
            )
            .await
        {
            Outcome::Valid(_) | Outcome::Rejected(_) => Ok(()),
            Outcome::Unavailable(error) => Err(error),
        }
    }

    async fn answer(&self, verification: &Verification) -> Outcome<MachineAuth> {
        let Verification {
            token_type,
            token,
            deadline,
            ..
        } = verification;
        match self.secrets.contains(*token_type, token, *deadline).await {
            Ok(false) => {}
            Ok(true) => return Outcome::Rejected(Reason::OwnSecret),
            Err(reason) => return self.no_secret(reason),
        }
        let credential = match self.secrets.select(*token_type, *deadline).await {
            Ok(credential) => credential,
            Err(reason) => return self.no_secret(reason),
        };
        let outcome = match self.answer_to(verification, &credential).await {
            Attempt::Ended(outcome) => return outcome,
            Attempt::BadSecret(outcome) => outcome,
        };
        let Some(renewed) = credential.renewed(verification.deadline).await else {
            return outcome;
        };
        let (Attempt::Ended(outcome) | Attempt::BadSecret(outcome)) =
            self.answer_to(verification, &renewed).await;
        if matches!(outcome, Outcome::Valid(_) | Outcome::Rejected(_)) {
            renewed.accepted();
        }
        outcome
    }

    fn no_secret(&self, reason: Reason) -> Outcome<MachineAuth> {
        if reason == Reason::Overload {
            // Too many wait, which says nothing about Clerk.
            return Outcome::Unavailable(AuthError::unavailable_for(reason, LOAD_PAUSE));
        }
        self.parts.upstream.note(match reason {
            Reason::Credentials => (UpstreamProblem::Credentials, Some(SECRET_KEY)),
            _ => (UpstreamProblem::Failing, None),
        });
        Outcome::Unavailable(reason.into())
    }

    async fn answer_to(&self, verification: &Verification, secret: &Credential<'_>) -> Attempt {
        let upstream = &self.parts.upstream;
        let permit = match upstream
            .acquire(verification.call, verification.deadline)
            .await
        {
            Ok(permit) => permit,
            Err(error) => return Attempt::Ended(Outcome::Unavailable(error)),
        };
        let call = self.call(verification, secret);
        let may_retry = || upstream.may_retry(verification.call.priority);
        match self.parts.transport.send_while(&call, may_retry).await {
            Ok(answer) => self.judge(verification.token_type, &answer, secret, permit),
            Err(error) => {
                tracing::debug!(%error, "no answer");
                Attempt::Ended(Outcome::Unavailable(unanswered(&error, permit).into()))
            }
        }
    }

    fn call(&self, verification: &Verification, secret: &Credential<'_>) -> Call {
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
        let call = Call::post(self.parts.api.join(path), RetryPolicy::verification(left))
            .json(body(member, &verification.token));
        match secret.authorization() {
            Some(value) => call.header(header::AUTHORIZATION, value),
            None => call,
        }
    }

    fn judge(
        &self,
        token_type: TokenType,
        answer: &Answer,
        secret: &Credential<'_>,
        permit: Permit<'_>,
    ) -> Attempt {
        let class = ResponseClass::of(answer);
        tracing::debug!(status = answer.status.as_u16(), ?class, "answered");
        if class == ResponseClass::SecretRejected {
            permit.secret_refused(secret.setting());
            return Attempt::BadSecret(Outcome::Unavailable(class.reason().into()));
        }
        Attempt::Ended(self.outcome(token_type, answer, (class, secret), permit))
    }

    fn outcome(
        &self,
        token_type: TokenType,
        answer: &Answer,
        (class, secret): (ResponseClass, &Credential<'_>),
        permit: Permit<'_>,
    ) -> Outcome<MachineAuth> {
        match class {
            ResponseClass::Ok => return self.read(token_type, answer, permit),
            ResponseClass::InvalidToken => {
                permit.success();
                return Outcome::Rejected(class.reason());
            }
            ResponseClass::RateLimited => {
                return Outcome::Unavailable(permit.rate_limited(answer.retry_after()));
            }
            ResponseClass::QuotaExceeded => {
                return Outcome::Unavailable(permit.quota_exceeded(answer.retry_after()));
            }
            ResponseClass::SecretRejected | ResponseClass::Forbidden => {
                permit.secret_refused(secret.setting());
            }
            ResponseClass::ServerError => permit.failure(),
            ResponseClass::Unexpected => permit.unreadable_answer(),
        }
        Outcome::Unavailable(unavailable(class.reason(), answer))
    }

    fn read(
        &self,
        token_type: TokenType,
        answer: &Answer,
        permit: Permit<'_>,
    ) -> Outcome<MachineAuth> {
        let now = UnixMillis::from_duration(self.parts.clock.unix_time());
        match self.parts.policy.read(token_type, &answer.body, now) {
            Ok(auth) => {
                permit.success();
                Outcome::Valid(auth)
            }
            Err(Reason::UpstreamAnswer) => {
                permit.unreadable_answer();
                Outcome::Unavailable(Reason::UpstreamAnswer.into())
            }
            Err(reason) => {
                permit.success();
                Outcome::Rejected(reason)
            }
        }
    }
}

/// Writes `{"<member>":"<token>"}` into memory that is wiped when it is dropped.
///
/// The alphabet of a bearer token holds nothing that JSON would escape.
fn body(member: &str, token: &SecretString) -> Bytes {
    let parts = ["{\"", member, "\":\"", token.expose_secret(), "\"}"];
    let len = parts.iter().map(|part| part.len()).sum();
    let mut body = Zeroizing::new(Vec::with_capacity(len));
    for part in parts {
        body.extend_from_slice(part.as_bytes());
    }
    Bytes::from_owner(body)
}

/// An answer that is not read says nothing about whether Clerk works for other tokens.
fn unanswered(error: &TransportError, permit: Permit<'_>) -> Reason {
    if error.is_unreadable() {
        permit.unreadable_answer();
        Reason::UpstreamAnswer
    } else {
        permit.failure();
        Reason::Upstream
    }
}

fn unavailable(reason: Reason, answer: &Answer) -> AuthError {
    match answer.retry_after() {
        Some(delay) => AuthError::unavailable_for(reason, delay),
        None => reason.into(),
    }
}

fn log(token_type: TokenType, outcome: &Outcome<MachineAuth>) {
    let token_type = token_type.as_str();
    match outcome {
        Outcome::Valid(auth) => {
            tracing::debug!(token_type, id = auth.id(), "Clerk vouches for a token");
        }
        Outcome::Rejected(reason) => tracing::debug!(token_type, ?reason, "Clerk rejects a token"),
        Outcome::Unavailable(error) => {
            let reason = error.reason();
            // The gate reports once that something is wrong; this line may come for every request.
            tracing::debug!(token_type, reason, "a token could not be verified");
        }
    }
}
