//! What the API answers to a request that it cannot serve, and how it reads bodies and queries.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::testing::refusal::Refusal;
use crate::testing::reply::Reply;
use crate::testing::request::Call;

/// A refusal of the API; the page shows its message.
#[derive(Debug)]
pub(super) struct Problem {
    status: u16,
    code: &'static str,
    message: String,
}

pub(super) type Answer = Result<Reply, Problem>;

impl Problem {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            status,
            code,
            message,
        }
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(404, "not_found", format!("{what} not found"))
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(422, "invalid", message)
    }

    pub(super) fn reply(self) -> Reply {
        let error = json!({ "code": self.code, "message": self.message });
        Reply::json(self.status, &json!({ "error": error }))
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.status, refusal.code, refusal.long_message)
    }
}

/// Reads the body. Its type must be named: pages of other origins can send JSON without asking
/// only as something else.
pub(super) fn body<T: DeserializeOwned>(call: &Call) -> Result<T, Problem> {
    let named = call.header("content-type").unwrap_or_default();
    let essence = named.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let why = "send a JSON body with the header `Content-Type: application/json`";
        return Err(Problem::new(415, "content_type", why));
    }
    let value: Value = serde_json::from_slice(&call.body)
        .map_err(|error| Problem::new(400, "not_json", format!("the body is not JSON: {error}")))?;
    if !value.is_object() {
        return Err(Problem::invalid("the body must be an object"));
    }
    serde_json::from_value(value).map_err(|error| Problem::invalid(error.to_string()))
}

/// The parameters of the query; unknown ones mean nothing.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(call: &Call) -> Self {
        let text = call.query.as_deref().unwrap_or_default();
        Self(
            form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let mut named = self.0.iter().filter(|(key, _)| key == name);
        named.next().map(|(_, value)| value.as_str())
    }

    /// `true` or `false`; absent is `false`.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name) {
            Some("true") => Ok(true),
            None | Some("false") => Ok(false),
            Some(_) => Err(Problem::invalid(format!("`{name}` must be true or false"))),
        }
    }

    pub(super) fn whole(&self, name: &str) -> Result<Option<u64>, Problem> {
        let number = |text: &str| {
            let wrong = |_| Problem::invalid(format!("`{name}` must be a whole number"));
            text.parse().map_err(wrong)
        };
        self.text(name).map(number).transpose()
    }
}
