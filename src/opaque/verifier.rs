//! Asks Clerk about one token.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header;
use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::body::OpaquePolicy;
use super::credential::{Credential, Secrets};
use super::once_good::OnceGood;
use super::status::Says;
use crate::cache::{CacheKey, Outcome, Why};
use crate::clock::{self, Clock};
use crate::error::{AuthError, Reason};
use crate::identity::{MachineAuth, UnixMillis};
use crate::machine_secret::MachineSecret;
use crate::secret::InstanceSecret;
use crate::setting::SECRET_KEY;
use crate::token::TokenType;
use crate::transport::{Answer, BaseUrl, Call, RetryPolicy, Transport, TransportError};
use crate::trouble::Trouble;
use crate::upstream::{About, CallInfo, Lane, Pass, Upstream};

/// When to come back while a machine secret is loaded: a load that fails is not tried sooner.
const LOAD_PAUSE: Duration = Duration::from_secs(1);

/// What a verifier is made of.
#[derive(Debug)]
pub(crate) struct OpaqueParts {
    pub(crate) transport: Transport,
    pub(crate) api: BaseUrl,
    pub(crate) instance: Option<InstanceSecret>,
    pub(crate) machine: Option<MachineSecret>,
    pub(crate) upstream: Arc<Upstream>,
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
    once_good: OnceGood,
}

/// One question to Clerk.
struct Question {
    kind: TokenType,
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
            once_good: OnceGood::new(parts.capacity),
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
        kind: TokenType,
        token: SecretString,
        name: CacheKey,
        why: Why,
        for_here: impl FnOnce(Outcome<MachineAuth>) -> Outcome<MachineAuth>,
    ) -> Outcome<MachineAuth> {
        let is_known = || self.once_good.holds(&name, self.parts.clock.monotonic());
        let lane = match why {
            Why::Unknown if !is_known() => Lane::Unknown,
            Why::Unknown | Why::Renewal => Lane::Known,
        };
        let span = tracing::debug_span!("verify_opaque", token_type = kind.as_str(), ?lane);
        let deadline = clock::after(self.parts.timeout);
        let question = Question {
            kind,
            token,
            call: CallInfo {
                lane,
                about: About::Token(kind),
                name,
            },
            deadline,
        };
        let asked = self.parts.clock.monotonic();
        let outcome = for_here(self.answer(&question).instrument(span).await);
        match outcome {
            Outcome::Good(_) => self.once_good.insert(name, asked),
            Outcome::Bad(_) => self.once_good.remove(&name),
            Outcome::Unavailable(_) => {}
        }
        log(kind, &outcome);
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
        name: CacheKey,
    ) -> Result<(), AuthError> {
        let token = SecretString::from(format!("mt_{}", "0".repeat(32)));
        match self
            .ask(
                TokenType::M2m,
                token,
                name,
                Why::Unknown,
                std::convert::identity,
            )
            .await
        {
            Outcome::Good(_) | Outcome::Bad(_) => Ok(()),
            Outcome::Unavailable(error) => Err(error),
        }
    }

    async fn answer(&self, question: &Question) -> Outcome<MachineAuth> {
        let Question {
            kind,
            token,
            deadline,
            ..
        } = question;
        match self.secrets.hold(*kind, token, *deadline).await {
            Ok(false) => {}
            Ok(true) => return Outcome::Bad(Reason::OwnSecret),
            Err(reason) => return self.no_secret(reason),
        }
        let credential = match self.secrets.choose(*kind, *deadline).await {
            Ok(credential) => credential,
            Err(reason) => return self.no_secret(reason),
        };
        let outcome = match self.answer_to(question, &credential).await {
            Attempt::Ended(outcome) => return outcome,
            Attempt::BadSecret(outcome) => outcome,
        };
        let Some(renewed) = credential.renewed(question.deadline).await else {
            return outcome;
        };
        let (Attempt::Ended(outcome) | Attempt::BadSecret(outcome)) =
            self.answer_to(question, &renewed).await;
        if matches!(outcome, Outcome::Good(_) | Outcome::Bad(_)) {
            renewed.taken();
        }
        outcome
    }

    fn no_secret(&self, reason: Reason) -> Outcome<MachineAuth> {
        if reason == Reason::Overload {
            // Too many wait, which says nothing about Clerk.
            return Outcome::Unavailable(AuthError::retry_after(reason, LOAD_PAUSE));
        }
        self.parts.upstream.note(match reason {
            Reason::Credentials => (Trouble::Credentials, Some(SECRET_KEY)),
            _ => (Trouble::Failing, None),
        });
        Outcome::Unavailable(reason.into())
    }

    async fn answer_to(&self, question: &Question, secret: &Credential<'_>) -> Attempt {
        let upstream = &self.parts.upstream;
        let pass = match upstream.enter(question.call, question.deadline).await {
            Ok(pass) => pass,
            Err(error) => return Attempt::Ended(Outcome::Unavailable(error)),
        };
        let call = self.call(question, secret);
        let may_retry = || upstream.may_retry(question.call.lane);
        match self.parts.transport.send_while(&call, may_retry).await {
            Ok(answer) => self.judge(question.kind, &answer, secret, pass),
            Err(error) => {
                tracing::debug!(%error, "no answer");
                Attempt::Ended(Outcome::Unavailable(unanswered(&error, pass).into()))
            }
        }
    }

    fn call(&self, question: &Question, secret: &Credential<'_>) -> Call {
        let (path, member): (&[&str], _) = match question.kind {
            TokenType::M2m => (&["v1", "m2m_tokens", "verify"], "token"),
            TokenType::ApiKey => (&["v1", "api_keys", "verify"], "secret"),
            TokenType::OAuth => (
                &["v1", "oauth_applications", "access_tokens", "verify"],
                "access_token",
            ),
        };
        let left = question.deadline.saturating_duration_since(Instant::now());
        let call = Call::post(self.parts.api.join(path), RetryPolicy::verification(left))
            .json(body(member, &question.token));
        match secret.authorization() {
            Some(value) => call.header(header::AUTHORIZATION, value),
            None => call,
        }
    }

    fn judge(
        &self,
        kind: TokenType,
        answer: &Answer,
        secret: &Credential<'_>,
        pass: Pass<'_>,
    ) -> Attempt {
        let says = Says::of(answer);
        tracing::debug!(status = answer.status.as_u16(), ?says, "answered");
        if says == Says::BadSecret {
            pass.refused(secret.setting());
            return Attempt::BadSecret(Outcome::Unavailable(says.reason().into()));
        }
        Attempt::Ended(self.outcome(kind, answer, (says, secret), pass))
    }

    fn outcome(
        &self,
        kind: TokenType,
        answer: &Answer,
        (says, secret): (Says, &Credential<'_>),
        pass: Pass<'_>,
    ) -> Outcome<MachineAuth> {
        match says {
            Says::Body => return self.read(kind, answer, pass),
            Says::BadToken => {
                pass.worked();
                return Outcome::Bad(says.reason());
            }
            Says::FewerCalls => return Outcome::Unavailable(pass.throttled(answer.retry_after())),
            Says::OverQuota => return Outcome::Unavailable(pass.over_quota(answer.retry_after())),
            Says::BadSecret | Says::Forbidden => pass.refused(secret.setting()),
            Says::Broken => pass.failed(),
            Says::Nonsense => pass.unreadable(),
        }
        Outcome::Unavailable(unavailable(says.reason(), answer))
    }

    fn read(&self, kind: TokenType, answer: &Answer, pass: Pass<'_>) -> Outcome<MachineAuth> {
        let now = UnixMillis::from_duration(self.parts.clock.unix_time());
        match self.parts.policy.read(kind, &answer.body, now) {
            Ok(auth) => {
                pass.worked();
                Outcome::Good(auth)
            }
            Err(Reason::UpstreamAnswer) => {
                pass.unreadable();
                Outcome::Unavailable(Reason::UpstreamAnswer.into())
            }
            Err(reason) => {
                pass.worked();
                Outcome::Bad(reason)
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
fn unanswered(error: &TransportError, pass: Pass<'_>) -> Reason {
    if error.is_unreadable() {
        pass.unreadable();
        Reason::UpstreamAnswer
    } else {
        pass.failed();
        Reason::Upstream
    }
}

fn unavailable(reason: Reason, answer: &Answer) -> AuthError {
    match answer.retry_after() {
        Some(delay) => AuthError::retry_after(reason, delay),
        None => reason.into(),
    }
}

fn log(kind: TokenType, outcome: &Outcome<MachineAuth>) {
    let token_type = kind.as_str();
    match outcome {
        Outcome::Good(auth) => {
            tracing::debug!(token_type, id = auth.id(), "Clerk vouches for a token");
        }
        Outcome::Bad(reason) => tracing::debug!(token_type, ?reason, "Clerk rejects a token"),
        Outcome::Unavailable(error) => {
            let reason = error.reason();
            // The gate reports once that something is wrong; this line may come for every request.
            tracing::debug!(token_type, reason, "a token could not be verified");
        }
    }
}
