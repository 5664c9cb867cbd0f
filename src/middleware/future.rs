//! The futures of the layers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::future::BoxFuture;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::config::Config;
use super::recorder::Recorder;
use super::response::{ResponseForAuthError, ResponseFuture};
use crate::error::AuthError;
use crate::identity::MachineAuth;

pin_project! {
    /// Response future of [`ClerkMachineAuthService`](super::ClerkMachineAuthService).
    ///
    /// Holds the request while its token is verified. With a cached verdict or a local key, it
    /// neither boxes nor awaits anything but the inner future.
    pub struct ClerkMachineAuthFuture<S, A, B, R>
    where
        S: Service<Request<A>>,
    {
        #[pin]
        state: State<S, A, B, R>,
    }
}

pin_project! {
    /// The states share one place in memory, because servers move and box this future for every
    /// request.
    #[project = StateProjection]
    enum State<S, A, B, R>
    where
        S: Service<Request<A>>,
    {
        Waiting { waiting: Option<Waiting<S, A, R>> },
        Responding { #[pin] response: ResponseFuture<S::Future, B>, recorder: Option<Recorder> },
    }
}

/// A request whose token is being verified, and the service that is ready for it.
pub(super) struct Waiting<S, A, R> {
    pub(super) verdict: BoxFuture<'static, Result<MachineAuth, AuthError>>,
    pub(super) request: Request<A>,
    pub(super) inner: S,
    pub(super) config: Arc<Config<R>>,
    pub(super) recorder: Option<Recorder>,
}

impl<S, A, B, R> ClerkMachineAuthFuture<S, A, B, R>
where
    S: Service<Request<A>>,
{
    pub(super) const fn responding(
        response: ResponseFuture<S::Future, B>,
        recorder: Option<Recorder>,
    ) -> Self {
        Self {
            state: State::Responding { response, recorder },
        }
    }

    pub(super) const fn waiting(waiting: Waiting<S, A, R>) -> Self {
        let waiting = Some(waiting);
        Self {
            state: State::Waiting { waiting },
        }
    }
}

impl<S, A, B, R> Future for ClerkMachineAuthFuture<S, A, B, R>
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
                config,
                mut recorder,
                ..
            }) = waiting.take()
            {
                let response = config.respond(verdict, request, &mut inner, recorder.as_mut());
                state.set(State::Responding { response, recorder });
            }
        }
        match state.project() {
            StateProjection::Responding { response, recorder } => {
                let response = ready!(response.poll(cx));
                if let Some(mut recorder) = recorder.take()
                    && let Ok(response) = &response
                    && let Some(error) = response.extensions().get::<AuthError>()
                {
                    recorder.rejected(error);
                }
                Poll::Ready(response)
            }
            StateProjection::Waiting { .. } => Poll::Pending,
        }
    }
}

impl<S, A, B, R> fmt::Debug for ClerkMachineAuthFuture<S, A, B, R>
where
    S: Service<Request<A>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClerkMachineAuthFuture")
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
        type Wrapped<const N: usize> = ClerkMachineAuthFuture<Answers<N>, (), [u8; N], ()>;
        let word = size_of::<usize>();
        assert!(size_of::<Wrapped<1_000>>() <= size_of::<Answer<1_000>>() + 5 * word);
        assert!(size_of::<Wrapped<0>>() <= size_of::<Waiting<Answers<0>, (), ()>>() + 2 * word);
    }
}
