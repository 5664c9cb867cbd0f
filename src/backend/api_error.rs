//! An error response of Clerk: its status, its error list, and its trace id.

use std::fmt::{self, Write as _};
use std::time::Duration;

use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

use crate::transport::Answer;

/// Clerk's error response.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::{AdminError, ApiError};
///
/// fn describe(error: &AdminError) -> &'static str {
///     match error.api() {
///         Some(api) if api.is_not_found() => "no such machine",
///         Some(api) if api.is_rate_limited() => "later",
///         _ => "something else",
///     }
/// }
/// # let _ = describe;
/// ```
///
/// # Security
///
/// If Clerk echoes a secret of the request, it is removed from the texts. `Display` escapes control
/// characters, so that the output stays on one line. The fields contain the texts unescaped.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The errors that the response lists; empty if its body could not be parsed.
    pub errors: Vec<ErrorDetail>,
    /// Clerk's trace identifier, or else the `cf-ray` of the edge; Clerk's support may ask for it.
    pub trace_id: Option<String>,
    /// The `Retry-After` of the response; at most an hour.
    pub retry_after: Option<Duration>,
}

/// One entry of Clerk's error list.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ErrorDetail {
    /// A stable, machine-readable code, such as `resource_not_found`.
    pub code: String,
    /// A short description for humans.
    pub message: String,
    /// A longer description for humans.
    pub long_message: Option<String>,
    /// Further details, such as the name of the parameter that was rejected.
    pub meta: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    errors: Vec<ErrorDetail>,
    clerk_trace_id: Option<String>,
}

impl ApiError {
    /// Parses an error response. `secrets` are those that the request contained.
    pub(crate) fn read(answer: &Answer, secrets: &[&str]) -> Self {
        let mut value = match is_json(answer) {
            true => serde_json::from_slice(&answer.body).unwrap_or(Value::Null),
            false => Value::Null,
        };
        scrub(&mut value, secrets);
        let body: Body = serde_json::from_value(value).unwrap_or_default();
        let cf_ray = || answer.header_text("cf-ray").map(str::to_owned);
        Self {
            status: answer.status,
            errors: body.errors,
            trace_id: body.clerk_trace_id.or_else(cf_ray),
            retry_after: answer.retry_after(),
        }
    }

    /// Returns `true` if the response is Clerk's own: every error in its list has a code.
    pub(crate) fn has_codes(&self) -> bool {
        let mut errors = self.errors.iter();
        !self.errors.is_empty() && errors.all(|error| !error.code.is_empty())
    }

    /// Returns `true` if one of the errors has this code.
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        self.errors.iter().any(|error| error.code == code)
    }

    /// Returns `true` if the object does not exist (404).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// Returns `true` if too many calls were made (429); see `retry_after`.
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS
    }

    /// Returns `true` if the secret of the call was refused (401).
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    /// Returns `true` if the secret of the call lacks permission (403).
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.status == StatusCode::FORBIDDEN
    }

    /// Returns `true` if the call clashes with what exists (409), a name or a scope for instance.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.status == StatusCode::CONFLICT
    }

    /// Returns `true` if the subject already has a key of this name.
    ///
    /// A revoked key keeps its name, and a deleted one frees it.
    #[must_use]
    pub fn is_name_conflict(&self) -> bool {
        self.is_conflict() && self.has_code("token_creation_conflict")
    }

    /// Returns `true` if Clerk refused the input (400 or 422).
    #[must_use]
    pub fn is_invalid_input(&self) -> bool {
        matches!(
            self.status,
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY
        )
    }

    /// Returns `true` if the plan's free quota is used up.
    #[must_use]
    pub fn is_quota_exceeded(&self) -> bool {
        self.has_code("token_quota_exceeded") || self.has_code("quota_exceeded")
    }

    /// Returns `true` if Clerk itself failed (5xx).
    #[must_use]
    pub fn is_server_error(&self) -> bool {
        self.status.is_server_error()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clerk answered {}", self.status)?;
        for (index, error) in self.errors.iter().enumerate() {
            let separator = if index == 0 { ": " } else { "; " };
            let (code, text) = (Escaped(&error.code), Escaped(error.text()));
            write!(f, "{separator}{code} ({text})")?;
        }
        match &self.trace_id {
            Some(trace) => write!(f, " [trace {}]", Escaped(trace)),
            None => Ok(()),
        }
    }
}

/// A text of a response, escaped for a single line of a log.
///
/// Clerk's texts may contain names that users chose. A line break in one would forge a log line.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Besides control characters: what ends a line or changes the text direction.
        let is_control = |c: char| {
            let breaks = matches!(c, '\u{2028}' | '\u{2029}');
            let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            c.is_control() || breaks || turns
        };
        self.0.chars().try_for_each(|c| match c {
            c if is_control(c) => write!(f, "{}", c.escape_default()),
            c => f.write_char(c),
        })
    }
}

impl ErrorDetail {
    fn text(&self) -> &str {
        self.long_message.as_deref().unwrap_or(&self.message)
    }
}

/// Returns `true` for every JSON media type, and if there is no media type.
fn is_json(answer: &Answer) -> bool {
    let Some(value) = answer.headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let media_type = value.to_str().ok().and_then(|text| text.split(';').next());
    media_type.is_some_and(|media_type| {
        let media_type = media_type.trim().to_ascii_lowercase();
        media_type == "application/json" || media_type.ends_with("+json")
    })
}

/// Removes the secrets of a request from every text of its response.
fn scrub(value: &mut Value, secrets: &[&str]) {
    match value {
        Value::String(text) => {
            for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
                if text.contains(secret) {
                    *text = text.replace(secret, "[redacted]");
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| scrub(item, secrets)),
        Value::Object(fields) => fields.values_mut().for_each(|item| scrub(item, secrets)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    fn read(status: u16, body: &str, ray: Option<&str>) -> ApiError {
        let headers = ray.map(|ray| ("cf-ray".parse().unwrap(), ray.parse().unwrap()));
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::from_iter(headers),
            body: body.to_owned().into(),
        };
        ApiError::read(&answer, &["mt_canary"])
    }

    #[test]
    fn the_trace_id_is_the_bodys_else_cf_ray() {
        let body = r#"{"errors":[],"clerk_trace_id":"abc"}"#;
        assert_eq!(
            read(400, body, Some("ray")).trace_id.as_deref(),
            Some("abc")
        );
        assert_eq!(
            read(400, "{}", Some("ray")).trace_id.as_deref(),
            Some("ray")
        );
        assert_eq!(read(500, "<html>", None).trace_id, None);
    }

    #[test]
    fn an_answer_of_any_shape_is_still_an_error_with_its_status() {
        for body in ["", "{}", "[]", "null", "<html>", r#"{"errors":{}}"#] {
            let error = read(404, body, None);
            assert!(error.is_not_found(), "{body}");
            assert!(error.errors.is_empty(), "{body}");
        }
        let partial = read(422, r#"{"errors":[{"code":"form_param_missing"}]}"#, None);
        assert!(partial.has_code("form_param_missing"));
        assert!(partial.is_invalid_input());
    }

    #[test]
    fn rule_19_an_echoed_secret_is_cut_out() {
        let body = r#"{"errors":[{"code":"bad_request","message":"no m\u0074_canary!",
            "long_message":"mt_canary","meta":{"param":["mt_canary"]}}]}"#;
        let error = read(400, body, None);
        assert!(!format!("{error:?} {error}").contains("mt_canary"));
        assert_eq!(error.errors[0].message, "no [redacted]!");
    }

    #[test]
    fn rule_19_display_shows_no_control_character_of_the_answer() {
        let body = r#"{"errors":[{"code":"a\nb","message":"m","long_message":
            "forged\r\n2026-11-24 ERROR \u001b[31mred\u0085\u2028\u2029\u202eevil\u2066 «ü» \\"}],
            "clerk_trace_id":"t\u0000"}"#;
        let shown = read(400, body, None).to_string();
        assert_eq!(
            shown,
            "Clerk answered 400 Bad Request: a\\nb (forged\\r\\n2026-11-24 ERROR \\u{1b}[31mred\\u{85}\
             \\u{2028}\\u{2029}\\u{202e}evil\\u{2066} «ü» \\) [trace t\\u{0}]"
        );
    }

    #[test]
    fn only_the_documented_code_is_a_name_conflict() {
        let body = |code: &str| format!(r#"{{"errors":[{{"code":"{code}","message":""}}]}}"#);
        assert!(read(409, &body("token_creation_conflict"), None).is_name_conflict());
        assert!(!read(409, &body("conflict"), None).is_name_conflict());
        assert!(!read(400, &body("token_creation_conflict"), None).is_name_conflict());
    }
}
