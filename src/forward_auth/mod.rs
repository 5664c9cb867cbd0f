//! Auth service for gateways, which protects services in any language.

mod gateway;
mod identity_headers;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use pin_project_lite::pin_project;
use tower_layer::Layer as _;
use tower_service::Service;

pub use self::gateway::Gateway;
use self::identity_headers::identity_headers;
use crate::body::ResponseBody;
use crate::error::Reason;
use crate::identity::MachineAuth;
use crate::middleware::{
    ClerkMachineAuth, ClerkMachineAuthFuture, ClerkMachineAuthService, ResponseFuture, misplaced,
    reject,
};

/// Auth service for gateways: nginx's `auth_request`, Caddy's `forward_auth`, Traefik's
/// `ForwardAuth`, Envoy's `ext_authz`.
///
/// The gateway sends the header fields of a request, and forwards the request if the response is
/// 200. The service behind the gateway, in any language, reads the identity from header fields:
///
/// | field | holds | for example |
/// |---|---|---|
/// | `X-Auth-Request-User` | [`subject`](MachineAuth::subject) | `mch_2x…`, `user_2a…` |
/// | `X-Auth-Request-Type` | `m2m`, `api_key` or `oauth` | |
/// | `X-Auth-Request-Token-Id` | [`id`](MachineAuth::id) | `mt_2c…` |
/// | `X-Auth-Request-Client` | [`client_id`](MachineAuth::client_id) | |
/// | `X-Auth-Request-Org` | [`org_id`](MachineAuth::org_id) | `org_2b…` |
/// | `X-Auth-Request-Scopes` | [`granted_scopes`](MachineAuth::granted_scopes), separated by spaces | `reports:read` |
///
/// A policy is a [`ClerkMachineAuth`] layer with all its settings. The first segment of the path,
/// which the gateway's configuration sets, selects the policy.
///
/// `examples/forward_auth.rs` is a complete program, with the configuration of each gateway. For
/// Envoy over gRPC, see `examples/ext_authz`.
///
/// # Rules
///
/// 1. A valid request gets 200, an empty body and `Cache-Control: no-store`. Every method is a
///    check; bodies are not read.
/// 2. All six fields are always set, and empty if they do not apply, because Envoy forwards a
///    client's field that the response omits. Characters other than visible ASCII, and `%`, are
///    percent-encoded, so that a space only separates scopes. If the fields exceed 4 KiB in total,
///    the response is 500.
/// 3. A rejection has none of them, since gateways forward its fields to the client. A response
///    never contains the token.
/// 4. The first segment of the path is the name of the policy, compared exactly and without
///    decoding. The rest of the path, the query, and all fields except the token's own are ignored,
///    because gateways copy them from the client. An unknown name gets 500, and is logged.
/// 5. Identity fields of the request are never read.
/// 6. The [`Gateway`] determines the format of responses.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "axum")]
/// # fn app(clerk: clerk_machine_auth::Authenticator) -> axum::Router {
/// use clerk_machine_auth::{ClerkMachineAuth, ForwardAuth, Gateway};
///
/// let everybody = ClerkMachineAuth::new(clerk);
/// let checks = ForwardAuth::new(Gateway::Nginx)
///     .policy("any", everybody.clone())
///     .policy("reports", everybody.require_scopes(["reports:read"]));
/// axum::Router::new().nest_service("/verify", checks) // answers /verify/any and /verify/reports
/// # }
/// ```
///
/// # Security
///
/// - Everyone who can call this service can verify tokens with it, and everyone who can call the
///   service behind the gateway can forge an identity. Both must only be reachable through the
///   gateway.
/// - The gateway must remove the client's own `X-Auth-Request-*` fields in every spelling that the
///   service behind it treats as the same, including `X_Auth_Request_User`. The configurations of
///   the example do so.
/// - A gateway waits for a limited time, Envoy for 200 ms by default. This service takes up to the
///   authenticator's `timeout` (3 s by default); give the gateway more than that.
#[derive(Clone)]
#[must_use]
pub struct ForwardAuth {
    gateway: Gateway,
    policies: Arc<BTreeMap<Box<str>, Policy>>,
}

type Policy = ClerkMachineAuthService<Allow, Gateway>;

impl ForwardAuth {
    /// Creates a service with the response format of a gateway.
    ///
    /// Without a [`policy`](Self::policy), every check gets 500.
    pub fn new(gateway: Gateway) -> Self {
        Self {
            gateway,
            policies: Arc::default(),
        }
    }

    /// Adds or replaces the policy with this name.
    ///
    /// The name is compared with the path segment in the gateway's configuration, without decoding.
    /// Letters, digits, `-` and `_` need no encoding there.
    ///
    /// With [`optional`](ClerkMachineAuth::optional), a request without a token passes with empty
    /// fields. With [`forward_token`](ClerkMachineAuth::forward_token), Envoy is not instructed to
    /// remove the token; for other gateways, this depends on their configuration.
    pub fn policy(mut self, name: impl Into<Box<str>>, layer: ClerkMachineAuth) -> Self {
        let allow = Allow {
            gateway: self.gateway,
            removes_token: self.gateway == Gateway::Envoy && !layer.forwards_token(),
        };
        let service = layer.on_rejection(self.gateway).layer(allow);
        Arc::make_mut(&mut self.policies).insert(name.into(), service);
        self
    }

    fn policy_of(&self, path: &str) -> Option<Policy> {
        let segments = path.strip_prefix('/')?;
        let name = segments.split('/').next()?;
        self.policies.get(name).cloned()
    }
}

impl fmt::Debug for ForwardAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwardAuth")
            .field("gateway", &self.gateway)
            .field("policies", &self.policies.keys())
            .finish()
    }
}

impl<A> Service<Request<A>> for ForwardAuth {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = ForwardAuthFuture<A>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let response = match self.policy_of(request.uri().path()) {
            Some(mut policy) => ResponseFuture::inner(policy.call(request)),
            None => {
                let reason = Reason::UnknownPolicy;
                let answer = self.gateway.fail(request.method(), request.uri(), reason);
                ResponseFuture::answered(answer)
            }
        };
        ForwardAuthFuture { response }
    }
}

/// What a request that may pass is answered with.
#[derive(Debug, Clone, Copy)]
struct Allow {
    gateway: Gateway,
    removes_token: bool,
}

impl Allow {
    fn answer<A>(self, request: &Request<A>) -> Response<ResponseBody> {
        let identity = request.extensions().get::<MachineAuth>();
        let mut response = Response::new(ResponseBody::default());
        match identity_headers(identity) {
            Ok(headers) => *response.headers_mut() = headers,
            Err(reason) => return self.gateway.fail(request.method(), request.uri(), reason),
        }
        self.complete(response.headers_mut());
        response
    }

    fn complete(self, headers: &mut HeaderMap) {
        let no_store = HeaderValue::from_static("no-store");
        headers.insert(header::CACHE_CONTROL, no_store);
        if self.removes_token {
            let token = HeaderValue::from_static("authorization");
            headers.insert("x-envoy-auth-headers-to-remove", token);
        }
    }
}

impl<A> Service<Request<A>> for Allow {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        ready(Ok(self.answer(&request)))
    }
}

impl Gateway {
    /// Logs a mistake of the configuration, and answers it.
    fn fail(self, method: &Method, uri: &Uri, reason: Reason) -> Response<ResponseBody> {
        reject(&self, &HeaderMap::new(), misplaced(method, uri, reason))
    }
}

pin_project! {
    /// Response future of [`ForwardAuth`].
    pub struct ForwardAuthFuture<A> {
        #[pin]
        response: ResponseFuture<
            ClerkMachineAuthFuture<Allow, A, ResponseBody, Gateway>,
            ResponseBody,
        >,
    }
}

impl<A> Future for ForwardAuthFuture<A> {
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().response.poll(cx)
    }
}

impl<A> fmt::Debug for ForwardAuthFuture<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwardAuthFuture").finish_non_exhaustive()
    }
}
