//! The futures of the layers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::rejection::ResponseForAuthError;
use super::service::Gate;
use crate::cache::Later;
use crate::identity::MachineAuth;

pin_project! {
    /// A request that was decided on: the inner service's future, or a rejection.
    #[project = DecidedProjection]
    pub enum Decided<F, B> {
        #[doc(hidden)]
        Inner { #[pin] future: F },
        #[doc(hidden)]
        Rejected { response: Option<Response<B>> },
    }
}

impl<F, B> Decided<F, B> {
    pub(super) const fn inner(future: F) -> Self {
        Self::Inner { future }
    }

    pub(super) const fn rejected(response: Response<B>) -> Self {
        Self::Rejected {
            response: Some(response),
        }
    }
}

impl<F, B, E> Future for Decided<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            DecidedProjection::Inner { future } => future.poll(cx),
            // Polled again after its end, which the contract of futures forbids, it never ends.
            DecidedProjection::Rejected { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => Poll::Pending,
            },
        }
    }
}

pin_project! {
    /// The future of [`ClerkMachineAuthService`](super::ClerkMachineAuthService).
    ///
    /// Holds the request while its token is verified. Nothing is boxed and nothing awaited where a
    /// remembered verdict or a local key decides.
    pub struct ResponseFuture<S, A, B, R>
    where
        S: Service<Request<A>>,
    {
        waiting: Option<Waiting<S, A, R>>,
        #[pin]
        decided: Option<Decided<S::Future, B>>,
    }
}

/// A request whose token is being verified, and the service that was ready for it.
pub(super) struct Waiting<S, A, R> {
    pub(super) verdict: Later<MachineAuth>,
    pub(super) request: Request<A>,
    pub(super) inner: S,
    pub(super) gate: Gate<R>,
}

impl<S, A, B, R> ResponseFuture<S, A, B, R>
where
    S: Service<Request<A>>,
{
    pub(super) const fn decided(decided: Decided<S::Future, B>) -> Self {
        Self {
            waiting: None,
            decided: Some(decided),
        }
    }

    pub(super) const fn waiting(waiting: Waiting<S, A, R>) -> Self {
        Self {
            waiting: Some(waiting),
            decided: None,
        }
    }
}

impl<S, A, B, R> Future for ResponseFuture<S, A, B, R>
where
    S: Service<Request<A>, Response = Response<B>>,
    R: ResponseForAuthError<B>,
{
    type Output = Result<Response<B>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(waiting) = this.waiting {
            let verdict = ready!(waiting.verdict.as_mut().poll(cx));
            if let Some(Waiting {
                request,
                mut inner,
                gate,
                ..
            }) = this.waiting.take()
            {
                this.decided
                    .set(Some(gate.settle(verdict, request, &mut inner)));
            }
        }
        match this.decided.as_pin_mut() {
            Some(decided) => decided.poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<F, B> fmt::Debug for Decided<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inner { .. } => "Decided::Inner",
            Self::Rejected { .. } => "Decided::Rejected",
        })
    }
}

impl<S, A, B, R> fmt::Debug for ResponseFuture<S, A, B, R>
where
    S: Service<Request<A>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("waiting", &self.waiting.is_some())
            .finish_non_exhaustive()
    }
}
