//! The tower layer that adds tokens to the requests of a client.

use std::marker::PhantomData;
use std::sync::Arc;

use http::Request;

use super::origin::Origins;
use super::source::M2mTokenSource;
use crate::config::BuildError;

/// Layer for HTTP and gRPC *clients* that adds this service's M2M token to requests to the listed
/// origins.
///
/// Wraps any `tower::Service` of HTTP requests, such as hyper-util's client or tonic's `Channel`.
/// With the feature `reqwest-middleware`, it is a middleware of that crate, too. With other
/// clients, use [`OutboundToken::header`](super::OutboundToken::header).
///
/// A request that already has an `Authorization` field, or that goes to another origin, is passed
/// on unchanged. If a token is needed and there is none, the call fails with
/// [`TokenSourceError`](super::TokenSourceError) and is not sent.
///
/// # Redirects
///
/// Put this layer *inside* a layer that follows redirects. Each hop then passes through it, and
/// only hops to listed origins get the token. Outside of such a layer, the redirected request
/// contains the token, and the other layer must remove it when the origin changes, as tower-http's
/// and reqwest's do.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::{M2mTokenLayer, M2mTokenSource};
///
/// let source = M2mTokenSource::builder().machine_secret_key("ak_4f8a").build()?;
/// let layer = M2mTokenLayer::new(source, ["https://reports.internal"])?.retry_once();
/// # let _ = layer;
/// # Ok::<(), clerk_machine_auth::BuildError>(())
/// ```
///
/// # Security
///
/// The list of origins is mandatory, so that a client which also calls third parties, or is
/// redirected to one, does not send them the token. Plain `http` is accepted for loopback addresses
/// only.
#[derive(Debug, Clone)]
pub struct M2mTokenLayer<R = NoRetry> {
    pub(super) config: Arc<Config>,
    retry: PhantomData<R>,
}

#[derive(Debug)]
pub(super) struct Config {
    pub(super) source: M2mTokenSource,
    pub(super) origins: Origins,
}

/// Returns a 401 to the caller; see [`M2mTokenLayer`].
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRetry;

/// Retries once after a 401; see [`M2mTokenLayer::retry_once`].
#[derive(Debug, Clone, Copy, Default)]
pub struct RetryOnce;

/// Decides whether a request with a body `B` is sent once more after a 401; sealed.
pub trait RetryRequest<B>: sealed::Sealed {
    /// Returns the request for the second attempt, if there is to be one.
    #[doc(hidden)]
    fn copy(request: &Request<B>) -> Option<Request<B>>;
}

pub(super) mod sealed {
    /// Seals [`RetryRequest`](super::RetryRequest), and provides the same decision where there is
    /// no body type.
    pub trait Sealed: Clone + Send + Sync + 'static {
        const RETRIES: bool;
    }
}

impl sealed::Sealed for NoRetry {
    const RETRIES: bool = false;
}

impl sealed::Sealed for RetryOnce {
    const RETRIES: bool = true;
}

impl<B> RetryRequest<B> for NoRetry {
    fn copy(_: &Request<B>) -> Option<Request<B>> {
        None
    }
}

impl<B: Clone> RetryRequest<B> for RetryOnce {
    fn copy(request: &Request<B>) -> Option<Request<B>> {
        Some(request.clone())
    }
}

impl M2mTokenLayer {
    /// Creates a layer that adds the source's token to requests to these origins, such as
    /// `https://reports.internal` or `http://127.0.0.1:4000`.
    ///
    /// # Errors
    ///
    /// Fails if the list is empty, or if an origin is neither https nor on a loopback address, or
    /// has a path, a query or a user name.
    pub fn new<O: AsRef<str>>(
        source: M2mTokenSource,
        origins: impl IntoIterator<Item = O>,
    ) -> Result<Self, BuildError> {
        let origins = Origins::listed(origins)?;
        Ok(Self::with(source, origins))
    }

    /// Creates a layer that adds the source's token to every request, whatever its origin.
    ///
    /// Intended for a client that is bound to one origin and whose requests do not contain it yet,
    /// such as a tonic `Channel`.
    ///
    /// # Security
    ///
    /// Every server that the client calls gets the token. Use this only around a client that can
    /// reach a single service, over TLS or on this host. A request that contains its origin must
    /// still go to https or to a loopback address.
    #[must_use]
    pub fn any_origin(source: M2mTokenSource) -> Self {
        Self::with(source, Origins::Any)
    }

    fn with(source: M2mTokenSource, origins: Origins) -> Self {
        Self {
            config: Arc::new(Config { source, origins }),
            retry: PhantomData,
        }
    }
}

impl<R> M2mTokenLayer<R> {
    /// Sends a request once more, with a new token, if the response is 401 (or `grpc-status: 16`).
    ///
    /// The request is only repeated if there is a new token. A receiver that refuses every token
    /// causes at most one mint in 30 seconds, and no second request in between. The caller gets the
    /// second response, whatever it is. The body must be `Clone`, because the request is cloned
    /// before it is sent.
    #[must_use]
    pub fn retry_once(self) -> M2mTokenLayer<RetryOnce> {
        M2mTokenLayer {
            config: self.config,
            retry: PhantomData,
        }
    }
}
