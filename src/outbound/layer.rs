//! The tower layer that gives a client's requests their token.

use std::marker::PhantomData;
use std::sync::Arc;

use http::Request;

use super::origin::Origins;
use super::source::M2mTokenSource;
use crate::config::BuildError;

/// A `tower` layer for HTTP and gRPC *clients*: adds this service's M2M token to the requests that
/// go to the listed origins.
///
/// Goes around anything that is a `tower::Service` of requests: hyper-util's client, tonic's
/// `Channel`. With the feature `reqwest-middleware` it is a middleware of that crate too. Elsewhere
/// take [`OutboundToken::header`](super::OutboundToken::header).
///
/// A request that has an `Authorization` field already, or that goes elsewhere, is passed on as it
/// is. Where a token is needed and there is none, the call fails with
/// [`TokenSourceError`](super::TokenSourceError) and is not sent.
///
/// # Redirects
///
/// Put the layer *inside* a layer that follows redirects: each hop then passes it, and only hops to
/// listed origins get the token. Outside, the token is in the request that is redirected, and the
/// other layer has to take it off at a change of origin, as tower-http's and reqwest's do.
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
/// The list of origins is compulsory: a client that also calls third parties, or that is led to
/// one by a redirect, must not show them the token. Plain `http` is taken for loopback addresses
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

/// A 401 goes to the caller; see [`M2mTokenLayer`].
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRetry;

/// A 401 leads to one more try; see [`M2mTokenLayer::retry_once`].
#[derive(Debug, Clone, Copy, Default)]
pub struct RetryOnce;

/// Whether a request with a body `B` is sent once more after a 401; sealed.
pub trait RetryRequest<B>: sealed::Sealed {
    /// Returns the request for the second try, if there is to be one.
    #[doc(hidden)]
    fn copy(request: &Request<B>) -> Option<Request<B>>;
}

pub(super) mod sealed {
    /// Closes [`RetryRequest`](super::RetryRequest) and says the same where there is no body type.
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
    /// Adds the source's token to requests to these origins, such as `https://reports.internal` or
    /// `http://127.0.0.1:4000`.
    ///
    /// # Errors
    ///
    /// Fails for an empty list, for an origin that is neither https nor on a loopback address, and
    /// for one with a path, a query or a user name.
    pub fn new<O: AsRef<str>>(
        source: M2mTokenSource,
        origins: impl IntoIterator<Item = O>,
    ) -> Result<Self, BuildError> {
        let origins = Origins::listed(origins)?;
        Ok(Self::with(source, origins))
    }

    /// Adds the source's token to every request, whatever its origin.
    ///
    /// For a client that is bound to one origin and whose requests do not name it yet, such as a
    /// tonic `Channel`.
    ///
    /// # Security
    ///
    /// Whoever the client talks to gets the token. Use it only around a client that can reach one
    /// service, over TLS or on this machine. A request that does name its origin still has to go
    /// to https or to a loopback address.
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
    /// Sends a request that was answered with 401 (or `grpc-status: 16`) once more, with a new
    /// token.
    ///
    /// Only where a new token is to be had: a receiver that refuses every token causes one mint in
    /// 30 seconds, and no second request in between. The second answer goes to the caller as it
    /// is. The body has to be `Clone`; a request is cloned before it is sent.
    #[must_use]
    pub fn retry_once(self) -> M2mTokenLayer<RetryOnce> {
        M2mTokenLayer {
            config: self.config,
            retry: PhantomData,
        }
    }
}
