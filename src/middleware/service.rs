//! The service that authenticates a request before it calls the inner service.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::config::{Authenticated, Config, Verdict};
use super::extensions::insert_anonymous;
use super::future::{ClerkMachineAuthFuture, Waiting};
use super::response::{ResponseForAuthError, ResponseFuture};
use crate::cache::Lookup;

/// Service of the [`ClerkMachineAuth`](super::ClerkMachineAuth) layer.
#[derive(Debug)]
pub struct ClerkMachineAuthService<S, R> {
    inner: S,
    config: Arc<Config<R>>,
}

impl<S: Clone, R> Clone for ClerkMachineAuthService<S, R> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.config))
    }
}

impl<S, R> ClerkMachineAuthService<S, R> {
    pub(super) const fn new(inner: S, config: Arc<Config<R>>) -> Self {
        Self { inner, config }
    }

    /// Returns a reference to the inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Consumes this service, and returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, A, B, R> Service<Request<A>> for ClerkMachineAuthService<S, R>
where
    S: Service<Request<A>, Response = Response<B>> + Clone,
    R: ResponseForAuthError<B>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ClerkMachineAuthFuture<S, A, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let Authenticated {
            verdict,
            mut recorder,
        } = self.config.authenticate(&mut request);
        match verdict {
            Ok(Verdict::Lookup(Lookup::Ready(verdict))) => {
                let (inner, counted) = (&mut self.inner, recorder.as_mut());
                let response = self.config.respond(verdict, request, inner, counted);
                ClerkMachineAuthFuture::responding(response, recorder)
            }
            Ok(Verdict::Lookup(Lookup::Pending(verdict))) => {
                // The instance that was polled ready handles the request; its clone was not polled.
                let clone = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, clone);
                let config = Arc::clone(&self.config);
                ClerkMachineAuthFuture::waiting(Waiting {
                    verdict,
                    request,
                    inner,
                    config,
                    recorder,
                })
            }
            Ok(verdict @ (Verdict::Anonymous | Verdict::OtherToken)) => {
                if let Some(recorder) = &mut recorder {
                    recorder.anonymous();
                }
                insert_anonymous(
                    request.extensions_mut(),
                    self.config.authenticator.core.id,
                    matches!(verdict, Verdict::OtherToken),
                );
                self.config.insert_protection(&mut request);
                let response = ResponseFuture::inner(self.inner.call(request));
                ClerkMachineAuthFuture::responding(response, recorder)
            }
            Err(error) => {
                let response = self.config.reject(&request, error);
                let response = ResponseFuture::answered(response);
                ClerkMachineAuthFuture::responding(response, recorder)
            }
        }
    }
}
