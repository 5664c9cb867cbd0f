//! A request of the API: the segments of its path, its body, its query.

use serde::de::DeserializeOwned;
use serde_json::Value;
use url::form_urlencoded;

use super::problem::Problem;
use crate::testing::request::Call;
use crate::testing::shared::Shared;

/// A call with the variable segments of its path.
pub(super) struct Request<'a> {
    pub(super) shared: &'a Shared,
    pub(super) call: &'a Call,
    pub(super) ids: Vec<String>,
}

impl Request<'_> {
    /// The nth variable segment of the path.
    pub(super) fn id(&self, index: usize) -> &str {
        self.ids.get(index).map_or("", String::as_str)
    }
}

/// Parses the body. The content type must be JSON, which pages of other origins cannot send without
/// a preflight.
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

/// The parameters of the query; unknown ones are ignored.
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
