//! A layer that asks for the scopes of a method.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::error::{AuthError, Protection, Reason};
use crate::middleware::{GrpcStatus, ResponseForAuthError, ResponseFuture, check_scopes, reject};
use crate::scope::{ScopeListError, ScopePolicy};

/// Asks for scopes by the method that a gRPC request calls; stands inside a
/// [`ClerkMachineAuth`](crate::ClerkMachineAuth) layer.
///
/// A token that lacks a scope is answered with `PERMISSION_DENIED`. So is every call of a method that
/// is not listed, neither itself nor with its service: a method that is added or renamed is closed
/// until somebody says what it takes.
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
/// The path of a request is compared letter by letter, as tonic's own router does. A list that is
/// empty or holds what cannot be a scope lets nobody in.
#[derive(Debug, Clone)]
#[must_use]
pub struct GrpcScopes<R = GrpcStatus> {
    methods: Arc<HashMap<Box<str>, Listed>>,
    services: Arc<HashMap<Box<str>, Listed>>,
    rejection: R,
}

/// What is asked for; `None` for nothing but what the layer outside asks for.
type Listed = Option<Result<ScopePolicy, ScopeListError>>;

impl GrpcScopes {
    /// Lists no method, and so lets nobody in.
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
    /// Asks for all of these scopes where this method is called: `/package.Service/Method`.
    pub fn method<S: AsRef<str>>(
        mut self,
        path: impl AsRef<str>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        let methods = Arc::make_mut(&mut self.methods);
        methods.insert(path.as_ref().into(), Some(ScopePolicy::all(scopes)));
        self
    }

    /// Asks for no scope where this method is called: `/package.Service/Method`.
    pub fn without_scopes(mut self, path: impl AsRef<str>) -> Self {
        let methods = Arc::make_mut(&mut self.methods);
        methods.insert(path.as_ref().into(), None);
        self
    }

    /// Asks for all of these scopes for the methods of a service, `package.Service`, that are not
    /// listed themselves.
    pub fn service<S: AsRef<str>>(
        mut self,
        name: impl AsRef<str>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        let services = Arc::make_mut(&mut self.services);
        services.insert(name.as_ref().into(), Some(ScopePolicy::all(scopes)));
        self
    }

    /// Answers rejections in a way of your own.
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
