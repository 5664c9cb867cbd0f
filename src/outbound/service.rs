//! The service that wraps a client.

use std::task::{Context, Poll};

use http::{Request, Response, header};
use tower_layer::Layer;
use tower_service::Service;

use super::future::{BoxError, M2mTokenFuture, Sent, Spare, Wait, attach};
use super::layer::{M2mTokenLayer, RetryRequest};
use super::source::Asked;

/// The service of [`M2mTokenLayer`].
#[derive(Debug, Clone)]
pub struct M2mTokenService<S, R> {
    inner: S,
    layer: M2mTokenLayer<R>,
}

impl<S, R> M2mTokenService<S, R> {
    pub(super) const fn new(inner: S, layer: M2mTokenLayer<R>) -> Self {
        Self { inner, layer }
    }

    /// Returns a reference to the inner client.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner client.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Consumes this service, and returns the inner client.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// Returns `true` if the token is to be added (rule O7).
    fn applies<B>(&self, request: &Request<B>) -> bool {
        !request.headers().contains_key(header::AUTHORIZATION)
            && self.layer.config.origins.allow(request.uri())
    }
}

impl<S, R: Clone> Layer<S> for M2mTokenLayer<R> {
    type Service = M2mTokenService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        M2mTokenService::new(inner, self.clone())
    }
}

impl<S, A, B, R> Service<Request<A>> for M2mTokenService<S, R>
where
    S: Service<Request<A>, Response = Response<B>> + Clone,
    S::Error: Into<BoxError>,
    R: RetryRequest<A>,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = M2mTokenFuture<S, A>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        if !self.applies(&request) {
            return M2mTokenFuture::calling(self.inner.call(request), None);
        }
        let source = &self.layer.config.source;
        let spare = R::copy(&request).map(|request| Spare {
            request,
            service: self.inner.clone(),
        });
        match source.ask() {
            Asked::Now(Ok(token)) => {
                attach(&mut request, &token);
                let sent = Sent {
                    source: source.clone(),
                    token,
                    spare,
                };
                M2mTokenFuture::calling(self.inner.call(request), Some(sent))
            }
            Asked::Now(Err(error)) => M2mTokenFuture::failed(error),
            Asked::Later(token) => {
                // The instance that was polled ready sends the request; its clone was not polled.
                let clone = self.inner.clone();
                let service = std::mem::replace(&mut self.inner, clone);
                M2mTokenFuture::waiting(Wait {
                    token,
                    source: source.clone(),
                    request,
                    service,
                    spare,
                })
            }
        }
    }
}
