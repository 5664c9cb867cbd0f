//! The response future: waits for a token, sends the request, and may do both once more.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response, StatusCode, header};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::error::TokenSourceError;
use super::source::{Asked, M2mTokenSource};
use super::token::OutboundToken;

/// gRPC's `UNAUTHENTICATED`.
const UNAUTHENTICATED: &[u8] = b"16";

/// The error of the service: the client's own, or [`TokenSourceError`](super::TokenSourceError).
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

type TokenFuture = BoxFuture<'static, Result<OutboundToken, TokenSourceError>>;

pin_project! {
    /// The future of [`M2mTokenService`](super::M2mTokenService).
    ///
    /// While there is a valid token, it boxes nothing and awaits only the client's own future.
    pub struct M2mTokenFuture<S, A>
    where
        S: Service<Request<A>>,
    {
        // The request that was sent with our token; `None` for one that is passed on unchanged.
        sent: Option<Sent<S, A>>,
        #[pin]
        state: State<S, A>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, A>
    where
        S: Service<Request<A>>,
    {
        // Only if there is no valid token.
        Waiting { wait: Option<Wait<S, A>> },
        Calling { #[pin] call: S::Future },
        // The response was 401; it is kept in case there is no other token.
        Renewing { renewal: Option<Renewal<S, A>> },
        Readying { again: Option<Again<S, A>> },
        Failed { error: Option<TokenSourceError> },
    }
}

/// A request that was sent with our token.
pub(super) struct Sent<S, A> {
    pub(super) source: M2mTokenSource,
    pub(super) token: OutboundToken,
    pub(super) spare: Option<Spare<S, A>>,
}

/// What a second attempt needs.
pub(super) struct Spare<S, A> {
    pub(super) request: Request<A>,
    pub(super) service: S,
}

/// A request that waits for a token, and the service that was polled ready for it.
pub(super) struct Wait<S, A> {
    pub(super) token: TokenFuture,
    pub(super) source: M2mTokenSource,
    pub(super) request: Request<A>,
    pub(super) service: S,
    pub(super) spare: Option<Spare<S, A>>,
}

/// A 401 response, and the wait for another token than the one that was refused.
struct Renewal<S: Service<Request<A>>, A> {
    token: TokenFuture,
    source: M2mTokenSource,
    refused: OutboundToken,
    response: S::Response,
    spare: Spare<S, A>,
}

/// The second attempt, whose service is not ready yet.
struct Again<S, A> {
    source: M2mTokenSource,
    token: OutboundToken,
    request: Request<A>,
    service: S,
}

impl<S: Service<Request<A>>, A> M2mTokenFuture<S, A> {
    pub(super) const fn calling(call: S::Future, sent: Option<Sent<S, A>>) -> Self {
        let state = State::Calling { call };
        Self { sent, state }
    }

    pub(super) const fn waiting(wait: Wait<S, A>) -> Self {
        let state = State::Waiting { wait: Some(wait) };
        Self { sent: None, state }
    }

    pub(super) const fn failed(error: TokenSourceError) -> Self {
        let state = State::Failed { error: Some(error) };
        Self { sent: None, state }
    }
}

impl<S, A, B> Future for M2mTokenFuture<S, A>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Error: Into<BoxError>,
{
    type Output = Result<Response<B>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Waiting { wait } => {
                    let token = match wait {
                        Some(wait) => ready!(wait.token.as_mut().poll(cx)),
                        None => return Poll::Pending,
                    };
                    match (token, wait.take()) {
                        (Ok(token), Some(wait)) => wait.send(token, this.sent),
                        (Err(error), _) => return Poll::Ready(Err(error.into())),
                        (Ok(_), None) => return Poll::Pending,
                    }
                }
                StateProjection::Calling { call } => {
                    let response = ready!(call.poll(cx)).map_err(Into::into)?;
                    match this.sent.take() {
                        Some(sent) if is_refusal(&response) => match sent.renew(response) {
                            Ok(renewal) => renewal,
                            Err(response) => return Poll::Ready(Ok(response)),
                        },
                        _ => return Poll::Ready(Ok(response)),
                    }
                }
                StateProjection::Renewing { renewal } => {
                    let token = match renewal {
                        Some(renewal) => ready!(renewal.token.as_mut().poll(cx)),
                        None => return Poll::Pending,
                    };
                    match renewal.take() {
                        Some(renewal) => match renewal.renewed(token) {
                            Ok(again) => again,
                            Err(response) => return Poll::Ready(Ok(response)),
                        },
                        None => return Poll::Pending,
                    }
                }
                StateProjection::Readying { again } => {
                    let ready = match again {
                        Some(again) => ready!(again.service.poll_ready(cx)),
                        None => return Poll::Pending,
                    };
                    ready.map_err(Into::into)?;
                    match again.take() {
                        Some(again) => again.send(this.sent),
                        None => return Poll::Pending,
                    }
                }
                StateProjection::Failed { error } => {
                    // The contract of futures forbids polling after completion; such a poll stays
                    // pending.
                    return match error.take() {
                        Some(error) => Poll::Ready(Err(error.into())),
                        None => Poll::Pending,
                    };
                }
            };
            this.state.set(next);
        }
    }
}

impl<S: Service<Request<A>>, A> Wait<S, A> {
    fn send(mut self, token: OutboundToken, sent: &mut Option<Sent<S, A>>) -> State<S, A> {
        attach(&mut self.request, &token);
        let call = self.service.call(self.request);
        *sent = Some(Sent {
            source: self.source,
            token,
            spare: self.spare,
        });
        State::Calling { call }
    }
}

impl<S: Service<Request<A>>, A> Sent<S, A> {
    /// The receiver responded with 401 (rule O8): waits for another token, or returns the response.
    fn renew(self, response: S::Response) -> Result<State<S, A>, S::Response> {
        let is_worth_it = self.source.refused(&self.token);
        let (true, Some(spare)) = (is_worth_it, self.spare) else {
            return Err(response);
        };
        let token: TokenFuture = match self.source.ask() {
            Asked::Now(outcome) => Box::pin(std::future::ready(outcome)),
            Asked::Later(outcome) => outcome,
        };
        let renewal = Some(Renewal {
            token,
            source: self.source,
            refused: self.token,
            response,
            spare,
        });
        Ok(State::Renewing { renewal })
    }
}

impl<S: Service<Request<A>>, A> Renewal<S, A> {
    /// Without another token, the first response is returned.
    fn renewed(
        self,
        token: Result<OutboundToken, TokenSourceError>,
    ) -> Result<State<S, A>, S::Response> {
        match token {
            Ok(token) if !token.is(&self.refused) => {
                let mut request = self.spare.request;
                attach(&mut request, &token);
                let again = Some(Again {
                    source: self.source,
                    token,
                    request,
                    service: self.spare.service,
                });
                Ok(State::Readying { again })
            }
            _ => Err(self.response),
        }
    }
}

impl<S: Service<Request<A>>, A> Again<S, A> {
    fn send(mut self, sent: &mut Option<Sent<S, A>>) -> State<S, A> {
        let call = self.service.call(self.request);
        *sent = Some(Sent {
            source: self.source,
            token: self.token,
            spare: None,
        });
        State::Calling { call }
    }
}

/// 401, or gRPC's equivalent if the response consists of headers only (gRPC over HTTP/2,
/// "Trailers-Only").
fn is_refusal<B>(response: &Response<B>) -> bool {
    is_refusing(response.status(), response.headers())
}

pub(super) fn is_refusing(status: StatusCode, headers: &HeaderMap) -> bool {
    let grpc_status = headers.get("grpc-status");
    status == StatusCode::UNAUTHORIZED
        || grpc_status.is_some_and(|status| status.as_bytes() == UNAUTHENTICATED)
}

impl<S: Service<Request<A>>, A> fmt::Debug for M2mTokenFuture<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Waiting { .. } => "waiting for a token",
            State::Calling { .. } => "calling",
            State::Renewing { .. } => "waiting for another token",
            State::Readying { .. } => "waiting to call again",
            State::Failed { .. } => "failed",
        };
        f.debug_struct("M2mTokenFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

/// Adds a token to a request that has none.
pub(super) fn attach<B>(request: &mut Request<B>, token: &OutboundToken) {
    let headers = request.headers_mut();
    headers.insert(header::AUTHORIZATION, token.header());
}
