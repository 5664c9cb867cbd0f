//! Parameters, responses and errors in the format of RFC 6749.

use http::{HeaderName, header};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::testing::reply::Reply;
use crate::testing::request::Call;

/// An error of RFC 6749 §5.2 or a related RFC. The description never contains a byte of the
/// request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OAuthError {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) description: &'static str,
}

impl OAuthError {
    pub(super) fn new(code: &'static str, description: &'static str) -> Self {
        Self {
            status: 400,
            code,
            description,
        }
    }

    pub(super) fn invalid_request(description: &'static str) -> Self {
        Self::new("invalid_request", description)
    }

    pub(super) fn invalid_grant(description: &'static str) -> Self {
        Self::new("invalid_grant", description)
    }

    pub(super) fn invalid_client() -> Self {
        Self {
            status: 401,
            ..Self::new("invalid_client", "Client authentication failed")
        }
    }

    /// RFC 8707 §2.
    pub(super) fn invalid_target(description: &'static str) -> Self {
        Self::new("invalid_target", description)
    }

    pub(super) fn reply(self) -> Reply {
        let body = json!({ "error": self.code, "error_description": self.description });
        let reply = sensitive(self.status, &body);
        if self.status == 401 {
            reply.with(header::WWW_AUTHENTICATE, "Basic realm=\"oauth\"")
        } else {
            reply
        }
    }
}

/// A response that must not be cached (RFC 6749 §5.1).
pub(super) fn sensitive(status: u16, body: &Value) -> Reply {
    Reply::json(status, body)
        .with(header::CACHE_CONTROL, "no-store")
        .with(header::PRAGMA, "no-cache")
}

/// Allows scripts of any origin to read a response: MCP clients also run in browsers, and cookies
/// are never read.
pub(super) fn readable_by_scripts(reply: Reply) -> Reply {
    reply
        .with(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
        .with(header::ACCESS_CONTROL_EXPOSE_HEADERS, "WWW-Authenticate")
}

/// The response to a CORS preflight. `*` does not include `Authorization`, so it is listed.
pub(super) fn preflight() -> Reply {
    let headers: [(HeaderName, &str); 3] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, *"),
        (header::ACCESS_CONTROL_MAX_AGE, "3600"),
    ];
    let reply = readable_by_scripts(Reply::empty(204));
    headers
        .into_iter()
        .fold(reply, |reply, (name, value)| reply.with(name, value))
}

/// Decoded parameters. An empty value counts as an absent one (RFC 6749 §3.1).
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Parses the query of the request.
    pub(super) fn of_query(call: &Call) -> Self {
        Self::parse(call.query.as_deref().unwrap_or_default().as_bytes())
    }

    /// Parses the body, which must be a form; the query is ignored.
    pub(super) fn of_body(call: &Call) -> Result<Self, OAuthError> {
        let content_type = call.header("content-type").unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            Ok(Self::parse(&call.body))
        } else {
            let why = "The Content-Type must be application/x-www-form-urlencoded";
            Err(OAuthError::invalid_request(why))
        }
    }

    fn parse(text: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(text).into_owned();
        Self(pairs.filter(|(_, value)| !value.is_empty()).collect())
    }

    /// All values of a parameter.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that may appear once (RFC 6749 §3.1).
    pub(super) fn one<'a>(&'a self, name: &'a str) -> Result<Option<&'a str>, OAuthError> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_some() {
            return Err(OAuthError::invalid_request("A parameter is repeated"));
        }
        Ok(first)
    }

    pub(super) fn required<'a>(&'a self, name: &'a str) -> Result<&'a str, OAuthError> {
        let missing = OAuthError::invalid_request("A required parameter is missing");
        self.one(name)?.ok_or(missing)
    }
}

/// The scopes of a space-separated list (RFC 6749 §3.3); `None` if it has an illegal character.
pub(super) fn scopes(text: &str) -> Option<Vec<String>> {
    let legal = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
        if !scope.bytes().all(legal) {
            return None;
        }
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    Some(scopes)
}

/// The resources of RFC 8707 §2: absolute URIs without a fragment.
pub(super) fn resources(parameters: &Parameters) -> Result<Vec<String>, OAuthError> {
    let mut resources = Vec::new();
    for resource in parameters.all("resource") {
        let url = url::Url::parse(resource).ok();
        if url.is_none_or(|url| url.fragment().is_some()) {
            let why = "A resource must be an absolute URI without a fragment";
            return Err(OAuthError::invalid_target(why));
        }
        if !resources.iter().any(|known| known == resource) {
            resources.push(resource.to_owned());
        }
    }
    Ok(resources)
}
