//! Serves the metadata of protected resources, as a service and as a layer.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use tower_layer::Layer;
use tower_service::Service;

use super::ProtectedResource;
use crate::body::ResponseBody;
use crate::middleware::ResponseFuture;

/// Service and layer that serve the metadata of a [`ProtectedResource`] (RFC 9728 §3), without a
/// token.
///
/// The layer responds to requests for the metadata and passes other requests on. The service
/// responds to other paths with 404. Both serve the path that RFC 9728 §3.1 derives from the
/// resource's URL and, for a single resource, the root path, which some clients request.
///
/// The document is created once and contains nothing of a request.
#[derive(Debug, Clone)]
#[must_use]
pub struct ProtectedResourceMetadata {
    served: Arc<[Served]>,
}

/// A resource, its paths and its document.
#[derive(Debug)]
struct Served {
    resource: ProtectedResource,
    paths: Box<[Box<str>]>,
    document: OnceLock<Bytes>,
}

impl ProtectedResourceMetadata {
    pub(super) fn new(resource: ProtectedResource) -> Self {
        Self::of(vec![resource])
    }

    /// Adds another resource of this host; the root path is then not served.
    pub fn and(self, resource: &ProtectedResource) -> Self {
        let own = self.served.iter().map(|served| served.resource.clone());
        Self::of(own.chain([resource.clone()]).collect())
    }

    fn of(resources: Vec<ProtectedResource>) -> Self {
        let is_only = resources.len() == 1;
        let served = resources.into_iter().map(|resource| Served {
            paths: resource.paths(is_only),
            document: OnceLock::new(),
            resource,
        });
        Self {
            served: served.collect(),
        }
    }

    /// Returns the response to a request for metadata; `None` for other paths.
    fn answer<A>(&self, request: &Request<A>) -> Option<Response<Bytes>> {
        let path = request.uri().path();
        let mut served = self.served.iter();
        let served = served.find(|served| served.paths.iter().any(|own| **own == *path))?;
        Some(served.answer(request.method()))
    }
}

impl Served {
    fn answer(&self, method: &Method) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        let cors = HeaderValue::from_static("*");
        let headers = response.headers_mut();
        // The metadata is public, and clients in browsers read it.
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, cors);
        if *method == Method::GET || *method == Method::HEAD {
            self.show(&mut response, *method == Method::HEAD);
        } else if *method == Method::OPTIONS {
            allow_preflight(headers);
            *response.status_mut() = StatusCode::NO_CONTENT;
        } else {
            headers.insert(header::ALLOW, METHODS);
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        }
        response
    }

    fn show(&self, response: &mut Response<Bytes>, is_head: bool) {
        let Some(document) = self.document() else {
            tracing::error!(
                resource = self.resource.url(),
                "no authorization server is known: name it with `authorization_server`, or set \
                 publishable_key (CLERK_PUBLISHABLE_KEY)"
            );
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            return;
        };
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        // It only changes with the configuration; clients request it at most once an hour.
        let hour = HeaderValue::from_static("public, max-age=3600");
        headers.insert(header::CACHE_CONTROL, hour);
        headers.insert(header::CONTENT_LENGTH, document.len().into());
        if !is_head {
            *response.body_mut() = document.clone();
        }
    }

    /// Created on the first request after the authorization server is known.
    fn document(&self) -> Option<&Bytes> {
        if let Some(document) = self.document.get() {
            return Some(document);
        }
        let document = self.resource.metadata()?;
        Some(self.document.get_or_init(|| document))
    }
}

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// Clients send header fields of their own, such as `MCP-Protocol-Version`.
fn allow_preflight(headers: &mut HeaderMap) {
    headers.insert(header::ALLOW, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    let any = HeaderValue::from_static("*");
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, any);
    let day = HeaderValue::from_static("86400");
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, day);
}

impl<A> Service<Request<A>> for ProtectedResourceMetadata {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let answer = self.answer(&request).unwrap_or_else(|| {
            let mut nothing = Response::new(Bytes::new());
            *nothing.status_mut() = StatusCode::NOT_FOUND;
            nothing
        });
        ready(Ok(answer.map(ResponseBody::from)))
    }
}

impl<S> Layer<S> for ProtectedResourceMetadata {
    type Service = ProtectedResourceMetadataService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ProtectedResourceMetadataService {
            inner,
            metadata: self.clone(),
        }
    }
}

/// Service of the [`ProtectedResourceMetadata`] layer.
#[derive(Debug, Clone)]
pub struct ProtectedResourceMetadataService<S> {
    inner: S,
    metadata: ProtectedResourceMetadata,
}

impl<S, A, B> Service<Request<A>> for ProtectedResourceMetadataService<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: From<Bytes>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        match self.metadata.answer(&request) {
            Some(answer) => ResponseFuture::answered(answer.map(B::from)),
            None => ResponseFuture::inner(self.inner.call(request)),
        }
    }
}
