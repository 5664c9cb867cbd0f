//! Translates Envoy's question into the one that [`ForwardAuth`] answers, and the answer back.

use bytes::Bytes;
use clerk_machine_auth::ForwardAuth;
use envoy_types::ext_authz::v3::pb::{
    Authorization, CheckRequest, CheckResponse, DeniedHttpResponse, HeaderAppendAction,
    HeaderValue, HeaderValueOption, HttpResponse, HttpStatus, OkHttpResponse,
};
use envoy_types::pb::google::rpc;
use http::header::{HeaderMap, HeaderName};
use http_body_util::BodyExt as _;
use tonic::{Code, Request, Response, Status};
use tower::ServiceExt as _;

pub(crate) struct Checks {
    checks: ForwardAuth,
}

impl Checks {
    pub(crate) const fn new(checks: ForwardAuth) -> Self {
        Self { checks }
    }
}

#[tonic::async_trait]
impl Authorization for Checks {
    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let request = question(request.into_inner())?;
        let answer = match self.checks.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let (parts, body) = answer.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(never) => match never {},
        };
        Ok(Response::new(response(parts.status, &parts.headers, &body)))
    }
}

/// The fields of the client's request, and as path the policy that Envoy's configuration names.
fn question(check: CheckRequest) -> Result<http::Request<()>, Status> {
    let attributes = check.attributes.unwrap_or_default();
    let client = attributes
        .request
        .unwrap_or_default()
        .http
        .unwrap_or_default();
    // Not a byte of the client is in it. Without a name it is that of no policy.
    let policy = attributes.context_extensions.get("policy");
    let path = format!("/{}", policy.map_or("", String::as_str));
    let mut request = http::Request::get(path);
    for (name, value) in &client.headers {
        // Envoy has `:path` and the like among them.
        if !name.starts_with(':') {
            request = request.header(name, value);
        }
    }
    // An error of ours: Envoy lets nobody in.
    request
        .body(())
        .map_err(|_| Status::invalid_argument("not a request of HTTP"))
}

fn response(status: http::StatusCode, headers: &HeaderMap, body: &Bytes) -> CheckResponse {
    let (code, http) = if status == http::StatusCode::OK {
        (Code::Ok, HttpResponse::OkResponse(allowed(headers)))
    } else if status.is_server_error() {
        // Passed on as it is, and counted as an error by Envoy.
        let denied = denied(status, headers, body);
        (Code::Unavailable, HttpResponse::ErrorResponse(denied))
    } else {
        let denied = denied(status, headers, body);
        (Code::PermissionDenied, HttpResponse::DeniedResponse(denied))
    };
    CheckResponse {
        status: Some(rpc::Status {
            code: code.into(),
            ..rpc::Status::default()
        }),
        http_response: Some(http),
        dynamic_metadata: None,
    }
}

/// All fields of the identity, the empty ones too: they replace what a client sent.
fn allowed(headers: &HeaderMap) -> OkHttpResponse {
    let identity = |name: &HeaderName| name.as_str().starts_with("x-auth-request-");
    OkHttpResponse {
        headers: options(headers, identity),
        headers_to_remove: vec!["authorization".to_owned()],
        ..OkHttpResponse::default()
    }
}

fn denied(status: http::StatusCode, headers: &HeaderMap, body: &Bytes) -> DeniedHttpResponse {
    DeniedHttpResponse {
        status: Some(HttpStatus {
            code: i32::from(status.as_u16()),
        }),
        headers: options(headers, |_| true),
        body: String::from_utf8_lossy(body).into_owned(),
    }
}

fn options(headers: &HeaderMap, is_wanted: impl Fn(&HeaderName) -> bool) -> Vec<HeaderValueOption> {
    let wanted = headers.iter().filter(|(name, _)| is_wanted(name));
    let option = |(name, value): (&HeaderName, &http::HeaderValue)| HeaderValueOption {
        header: Some(HeaderValue {
            key: name.as_str().to_owned(),
            value: value.to_str().unwrap_or_default().to_owned(),
            raw_value: Vec::new().into(),
        }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        keep_empty_value: true,
        ..HeaderValueOption::default()
    };
    wanted.map(option).collect()
}
