//! A layer that requires scopes by method.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::error::{AuthError, Protection, Reason};
use crate::middleware::{GrpcStatus, ResponseForAuthError, ResponseFuture, check_scopes, reject};
use crate::scope::{ScopeListError, ScopePolicy};

/// Layer that requires scopes by the method of a gRPC request, inside a
/// [`ClerkMachineAuth`](crate::ClerkMachineAuth) layer.
///
/// The response to a token that lacks a scope is `PERMISSION_DENIED`. The same goes for every method
/// that is not listed, neither itself nor with its service: a method that is added or renamed is closed
/// until its scopes are listed.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::grpc::GrpcScopes;
///
/// let scopes = GrpcScopes::new()
///     .method("/reports.v1.Reports/Delete", ["reports:write"])
///     .without_scopes("/reports.v1.Reports/WhoAmI")
///     .service("reports.v1.Reports", ["reports:read"]); // its other methods
/// ```
///
/// # Security
///
/// The path of a request is compared byte by byte, like in tonic's own router. A list that is empty or
/// contains an invalid scope accepts no token.
#[derive(Debug, Clone)]
#[must_use]
pub struct GrpcScopes<R = GrpcStatus> {
    methods: Arc<HashMap<Box<str>, Listed>>,
    services: Arc<HashMap<Box<str>, Listed>>,
    rejection: R,
}

/// The required scopes. `None` if the outer layer's requirements are enough.
type Listed = Option<Result<ScopePolicy, ScopeListError>>;

impl GrpcScopes {
    /// Creates a layer that lists no method, and therefore rejects every call.
    pub fn new() -> Self {
        Self {
            methods: Arc::default(),
            services: Arc::default(),
            rejection: GrpcStatus,
        }
    }
}

impl Default for GrpcScopes {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> GrpcScopes<R> {
    /// Requires all of these scopes for a method, given as `/package.Service/Method`.
    pub fn method<S: AsRef<str>>(
        mut self,
        path: impl AsRef<str>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        let methods = Arc::make_mut(&mut self.methods);
        methods.insert(path.as_ref().into(), Some(ScopePolicy::all(scopes)));
        self
    }

    /// Requires no scope for a method, given as `/package.Service/Method`.
    pub fn without_scopes(mut self, path: impl AsRef<str>) -> Self {
        let methods = Arc::make_mut(&mut self.methods);
        methods.insert(path.as_ref().into(), None);
        self
    }

    /// Requires all of these scopes for the methods of a service, given as `package.Service`, that are
    /// not listed themselves.
    pub fn service<S: AsRef<str>>(
        mut self,
        name: impl AsRef<str>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        let services = Arc::make_mut(&mut self.services);
        services.insert(name.as_ref().into(), Some(ScopePolicy::all(scopes)));
        self
    }

    /// Sets how responses to rejected requests are created.
    pub fn on_rejection<N>(self, rejection: N) -> GrpcScopes<N> {
        GrpcScopes {
            methods: self.methods,
            services: self.services,
            rejection,
        }
    }

    fn check<A>(&self, request: &Request<A>) -> Result<(), AuthError> {
        let (method, uri, extensions) = (request.method(), request.uri(), request.extensions());
        match self.listed(uri.path()) {
            Some(None) => Ok(()),
            Some(Some(list)) => check_scopes(method, uri, extensions, list.as_ref().ok()),
            None => {
                let protection = extensions.get::<Arc<Protection>>();
                Err(AuthError::from(Reason::UnlistedMethod).under(protection, None))
            }
        }
    }

    fn listed(&self, path: &str) -> Option<&Listed> {
        let of_service = || {
            let (service, _) = path.strip_prefix('/')?.split_once('/')?;
            self.services.get(service)
        };
        self.methods.get(path).or_else(of_service)
    }
}

impl<S, R: Clone> Layer<S> for GrpcScopes<R> {
    type Service = GrpcScopesService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let required = self.clone();
        GrpcScopesService { inner, required }
    }
}

/// The service of [`GrpcScopes`].
#[derive(Debug, Clone)]
pub struct GrpcScopesService<S, R = GrpcStatus> {
    inner: S,
    required: GrpcScopes<R>,
}

impl<S, A, B, R> Service<Request<A>> for GrpcScopesService<S, R>
where
    S: Service<Request<A>, Response = Response<B>>,
    R: ResponseForAuthError<B>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        match self.required.check(&request) {
            Ok(()) => ResponseFuture::inner(self.inner.call(request)),
            Err(error) => {
                let rejection = &self.required.rejection;
                ResponseFuture::answered(reject(rejection, request.headers(), error))
            }
        }
    }
}
