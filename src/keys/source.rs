//! Fetches the key set of an instance, from the Backend API or from its public URL.

use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use url::Url;

use super::set::{KeySet, KeySetError};
use crate::problem::{Failure, UpstreamProblem};
use crate::secret::{InstanceSecret, SecretKey};
use crate::setting::{API_URL, PUBLISHABLE_KEY, SECRET_KEY};
use crate::stats::{CallCounters, CallOperation, CallResult};
use crate::transport::{
    Answer, Call, KEY_SET_LIMIT, Observed, RetryPolicy, Transport, TransportError,
};

/// Where a key set is fetched from.
#[derive(Debug)]
pub(crate) struct KeySource {
    transport: Transport,
    url: Url,
    /// The public URL of an instance needs no secret.
    secret: Option<InstanceSecret>,
    retry: RetryPolicy,
    calls: Arc<CallCounters>,
}

/// The result of a fetch.
pub(crate) enum Fetched {
    /// The set still has the given entity tag (RFC 9110 §13.1.2).
    Unchanged,
    Keys(KeySet, Option<HeaderValue>),
}

/// Why a fetch failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("{0}")]
    Transport(#[from] TransportError),
    #[error("Clerk refuses the secret of this service ({0}); check {SECRET_KEY}")]
    Refused(StatusCode),
    #[error("the key set does not exist ({status}); check {setting}")]
    Missing {
        status: StatusCode,
        setting: &'static str,
    },
    #[error("the request for the key set failed with status {0}")]
    Status(StatusCode),
    #[error("the key set is not usable: {0}")]
    Set(#[from] KeySetError),
}

impl FetchError {
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::Transport(error) if error.is_unreadable() => (UpstreamProblem::Unreadable, None),
            Self::Transport(_) => (UpstreamProblem::Failing, None),
            Self::Refused(_) => (UpstreamProblem::Credentials, Some(SECRET_KEY)),
            Self::Missing { setting, .. } => (UpstreamProblem::Unreadable, Some(setting)),
            Self::Status(StatusCode::TOO_MANY_REQUESTS) => (UpstreamProblem::RateLimited, None),
            Self::Status(status) if status.is_server_error() => (UpstreamProblem::Failing, None),
            Self::Status(_) | Self::Set(_) => (UpstreamProblem::Unreadable, None),
        }
    }
}

impl KeySource {
    pub(crate) fn new(
        transport: Transport,
        url: Url,
        secret: Option<InstanceSecret>,
        retry: RetryPolicy,
        calls: Arc<CallCounters>,
    ) -> Self {
        Self {
            transport,
            url,
            secret,
            retry,
            calls,
        }
    }

    pub(super) async fn fetch(&self, known: Option<HeaderValue>) -> Result<Fetched, FetchError> {
        let is_conditional = known.is_some();
        let answer = self.ask(known).await?;
        match answer.status {
            StatusCode::NOT_MODIFIED if is_conditional => Ok(Fetched::Unchanged),
            StatusCode::OK => {
                let tag = answer.headers.get(header::ETAG).cloned();
                Ok(Fetched::Keys(KeySet::parse(&answer.body)?, tag))
            }
            status => Err(self.refusal(status)),
        }
    }

    fn refusal(&self, status: StatusCode) -> FetchError {
        let setting = if self.secret.is_some() {
            API_URL
        } else {
            PUBLISHABLE_KEY
        };
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if self.secret.is_some() => {
                FetchError::Refused(status)
            }
            StatusCode::NOT_FOUND => FetchError::Missing { status, setting },
            status => FetchError::Status(status),
        }
    }

    /// Sends the request with the secret in use. If it is refused, retries with the other one if there
    /// is one.
    async fn ask(&self, known: Option<HeaderValue>) -> Result<Answer, TransportError> {
        let used = self.secret.as_ref().map(InstanceSecret::in_use);
        let call = self.call(known.clone(), used.as_deref());
        let answer = self.transport.send(&call).await?;
        let (Some(secret), Some(used)) = (&self.secret, used) else {
            return Ok(answer);
        };
        match secret.other_than(&used) {
            Some(other) if answer.status == StatusCode::UNAUTHORIZED => {
                let answer = self.transport.send(&self.call(known, Some(&other))).await?;
                if answer.status != StatusCode::UNAUTHORIZED {
                    secret.prefer(&other);
                }
                Ok(answer)
            }
            _ => Ok(answer),
        }
    }

    fn observed(&self) -> Observed {
        Observed {
            operation: CallOperation::Jwks,
            template: match self.secret {
                Some(_) => "/v1/jwks",
                None => "/.well-known/jwks.json",
            },
            counters: Arc::clone(&self.calls),
            classify,
        }
    }

    fn call(&self, known: Option<HeaderValue>, secret: Option<&SecretKey>) -> Call {
        let mut call = Call::get(self.url.clone(), self.retry).body_limit(KEY_SET_LIMIT);
        call = call.observed(Some(self.observed()));
        if let Some(secret) = secret.and_then(SecretKey::authorization) {
            call = call.header(header::AUTHORIZATION, secret);
        }
        if let Some(tag) = known {
            call = call.header(header::IF_NONE_MATCH, tag);
        }
        call
    }
}

fn classify(answer: &Answer) -> CallResult {
    match answer.status {
        StatusCode::NOT_MODIFIED => CallResult::Ok,
        StatusCode::OK if KeySet::parse(&answer.body).is_ok() => CallResult::Ok,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => CallResult::Unauthorized,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::PAYMENT_REQUIRED => CallResult::RateLimited,
        status if status.is_server_error() => CallResult::ServerError,
        _ => CallResult::Unreadable,
    }
}
