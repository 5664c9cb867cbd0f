//! Fetches the key set of an instance: from the Backend API, or from its public address.

use http::{HeaderValue, StatusCode, header};
use url::Url;

use super::set::{KeySet, KeySetError};
use crate::secret::SecretKey;
use crate::transport::{Call, KEY_SET_LIMIT, RetryPolicy, Transport, TransportError};

/// Where a key set comes from.
#[derive(Debug)]
pub(crate) struct KeySource {
    transport: Transport,
    url: Url,
    /// The public address of an instance asks for no secret.
    secret: Option<SecretKey>,
    retry: RetryPolicy,
}

/// What a fetch brought.
pub(crate) enum Fetched {
    /// The set is the one that the given entity tag stands for (RFC 9110 §13.1.2).
    Unchanged,
    Keys(KeySet, Option<HeaderValue>),
}

/// Why a fetch brought nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("{0}")]
    Transport(#[from] TransportError),
    #[error("the key set was answered with status {0}")]
    Status(StatusCode),
    #[error("the key set was not taken: {0}")]
    Set(#[from] KeySetError),
}

impl KeySource {
    pub(crate) const fn new(
        transport: Transport,
        url: Url,
        secret: Option<SecretKey>,
        retry: RetryPolicy,
    ) -> Self {
        Self {
            transport,
            url,
            secret,
            retry,
        }
    }

    pub(super) async fn fetch(&self, known: Option<HeaderValue>) -> Result<Fetched, FetchError> {
        let is_conditional = known.is_some();
        let answer = self.transport.send(&self.call(known)).await?;
        match answer.status {
            StatusCode::NOT_MODIFIED if is_conditional => Ok(Fetched::Unchanged),
            StatusCode::OK => {
                let tag = answer.headers.get(header::ETAG).cloned();
                Ok(Fetched::Keys(KeySet::parse(&answer.body)?, tag))
            }
            status => Err(FetchError::Status(status)),
        }
    }

    fn call(&self, known: Option<HeaderValue>) -> Call {
        let mut call = Call::get(self.url.clone(), self.retry).body_limit(KEY_SET_LIMIT);
        if let Some(secret) = self.secret.as_ref().and_then(SecretKey::authorization) {
            call = call.header(header::AUTHORIZATION, secret);
        }
        if let Some(tag) = known {
            call = call.header(header::IF_NONE_MATCH, tag);
        }
        call
    }
}
