//! A request with its complete body.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;

use super::access::Sender;
use super::endpoint::{Route, route};
use super::refusal::Refusal;

/// More than any request of the API needs; 150 scopes take 5 KiB.
const MAX_BODY: usize = 1024 * 1024;

/// A request and its operation.
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) route: Route,
    pub(super) too_large: bool,
    pub(super) sender: Sender,
}

impl Call {
    /// Reads a request; `None` if the client disconnected.
    pub(super) async fn read(request: Request<Incoming>, peer: Option<IpAddr>) -> Option<Self> {
        let (parts, body) = request.into_parts();
        let sender = Sender::of(&parts, peer);
        let (body, too_large) = match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => (body.to_bytes(), false),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => (Bytes::new(), true),
            Err(_) => return None,
        };
        let method = parts.method.as_str().to_owned();
        let path = parts.uri.path().to_owned();
        let route = route(&method, &path);
        let query = parts.uri.query().map(str::to_owned);
        Some(Self {
            method,
            path,
            query,
            headers: parts.headers,
            body,
            route,
            too_large,
            sender,
        })
    }

    /// The nth variable segment of the path.
    pub(super) fn id(&self, index: usize) -> &str {
        self.route.ids.get(index).map_or("", String::as_str)
    }

    /// The value of a header, if it is plain text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The token of the one `Authorization: Bearer …` line.
    pub(super) fn bearer(&self) -> Result<&str, Refusal> {
        let mut lines = self.headers.get_all(header::AUTHORIZATION).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err(Refusal::authorization_format());
        };
        let line = line.to_str().map_err(|_| Refusal::authorization_format())?;
        match line.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token),
            _ => Err(Refusal::authorization_format()),
        }
    }
}
