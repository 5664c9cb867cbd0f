//! The futures of the layers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::future::BoxFuture;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::rejection::ResponseForAuthError;
use super::service::Gate;
use crate::error::AuthError;
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
    pub(crate) const fn inner(future: F) -> Self {
        Self::Inner { future }
    }

    pub(crate) const fn rejected(response: Response<B>) -> Self {
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
        #[pin]
        state: State<S, A, B, R>,
    }
}

pin_project! {
    /// One after the other, in the same place: servers move and box this for every request.
    #[project = StateProjection]
    enum State<S, A, B, R>
    where
        S: Service<Request<A>>,
    {
        Waiting { waiting: Option<Waiting<S, A, R>> },
        Decided { #[pin] decided: Decided<S::Future, B> },
    }
}

/// A request whose token is being verified, and the service that was ready for it.
pub(super) struct Waiting<S, A, R> {
    pub(super) verdict: BoxFuture<'static, Result<MachineAuth, AuthError>>,
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
            state: State::Decided { decided },
        }
    }

    pub(super) const fn waiting(waiting: Waiting<S, A, R>) -> Self {
        let waiting = Some(waiting);
        Self {
            state: State::Waiting { waiting },
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
        let mut state = self.project().state;
        if let StateProjection::Waiting { waiting } = state.as_mut().project()
            && let Some(asked) = waiting
        {
            let verdict = ready!(asked.verdict.as_mut().poll(cx));
            if let Some(Waiting {
                request,
                mut inner,
                gate,
                ..
            }) = waiting.take()
            {
                let decided = gate.settle(verdict, request, &mut inner);
                state.set(State::Decided { decided });
            }
        }
        match state.project() {
            StateProjection::Decided { decided } => decided.poll(cx),
            StateProjection::Waiting { .. } => Poll::Pending,
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
            .field("waiting", &matches!(self.state, State::Waiting { .. }))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::future::Ready;
    use tower::util::ServiceFn;

    type Answer<const N: usize> = Ready<Result<Response<[u8; N]>, Infallible>>;
    type Answers<const N: usize> = ServiceFn<fn(Request<()>) -> Answer<N>>;

    #[test]
    fn the_future_of_the_inner_service_takes_the_place_of_the_request() {
        type Wrapped<const N: usize> = ResponseFuture<Answers<N>, (), [u8; N], ()>;
        let word = size_of::<usize>();
        assert!(size_of::<Wrapped<1_000>>() <= size_of::<Answer<1_000>>() + 2 * word);
        assert!(size_of::<Wrapped<0>>() <= size_of::<Waiting<Answers<0>, (), ()>>() + 2 * word);
    }
}
