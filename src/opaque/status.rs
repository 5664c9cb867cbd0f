//! What the status of an answer says: about the token, or about our own side.

use http::{StatusCode, header};
use serde::Deserialize;

use crate::error::Reason;
use crate::transport::Answer;

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseClass {
    /// The body tells about the token.
    Ok,
    /// Clerk does not know the token, or will not let it be used here.
    InvalidToken,
    /// Clerk asks for fewer calls.
    RateLimited,
    /// Clerk does not know our secret: another one may do.
    SecretRejected,
    /// Clerk knows our secret, which may not do this: another one of the same kind may not either.
    Forbidden,
    /// A quota is used up, or the plan does not hold what is asked for.
    QuotaExceeded,
    /// Clerk is broken.
    ServerError,
    /// Something else than Clerk answers, or Clerk wants something that we do not give.
    Unexpected,
}

impl ResponseClass {
    pub(super) fn of(answer: &Answer) -> Self {
        match answer.status {
            StatusCode::OK => Self::Ok,
            StatusCode::UNAUTHORIZED => Self::SecretRejected,
            StatusCode::PAYMENT_REQUIRED => Self::QuotaExceeded,
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited,
            status if status.is_server_error() => Self::ServerError,
            StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                Self::of_refusal(answer)
            }
            _ => Self::Unexpected,
        }
    }

    /// Reads a refusal by the codes of its errors.
    ///
    /// Only Clerk can say no. A proxy that knows no such path answers 404 as well, and to read that
    /// as a no would lock every caller out.
    fn of_refusal(answer: &Answer) -> Self {
        let Some(codes) = Codes::of(answer) else {
            return Self::Unexpected;
        };
        match answer.status {
            _ if codes.any(|code| QUOTA.contains(&code)) => Self::QuotaExceeded,
            StatusCode::FORBIDDEN if codes.any(is_of_token) => Self::InvalidToken,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::BAD_REQUEST if codes.any(|code| OUR_MISTAKE.contains(&code)) => {
                Self::Unexpected
            }
            _ => Self::InvalidToken,
        }
    }

    pub(super) const fn reason(self) -> Reason {
        match self {
            Self::Ok | Self::Unexpected => Reason::UpstreamAnswer,
            Self::InvalidToken => Reason::UnknownToken,
            Self::RateLimited => Reason::RateLimited,
            Self::SecretRejected | Self::Forbidden => Reason::Credentials,
            Self::QuotaExceeded => Reason::Quota,
            Self::ServerError => Reason::Upstream,
        }
    }
}

/// A 400 that is not about the token.
const OUR_MISTAKE: [&str; 2] = ["api_version_invalid", "unsupported_content_type"];
/// A quota or a plan, whatever the status.
const QUOTA: [&str; 3] = [
    "quota_exceeded",
    "token_quota_exceeded",
    "unsupported_subscription_plan_features",
];

/// Returns `true` for the code of a 403 that is about the token.
///
/// Clerk documents no code for such a 403, for instance for an M2M token that may not reach the
/// machine whose secret asks. Those of the token endpoints name what they are about first; those
/// that speak of our secret begin with `authorization_`, `authentication_`, `clerk_key_` or
/// `machine_secret_key_`. All that is not known to be about the token is about us, and no answer.
fn is_of_token(code: &str) -> bool {
    const TOKENS: [&str; 6] = [
        "access_token_",
        "api_key_",
        "m2m_token_",
        "machine_token_",
        "oauth_token_",
        "token_",
    ];
    TOKENS.iter().any(|prefix| code.starts_with(prefix))
}

/// The codes of Clerk's error body.
#[derive(Deserialize)]
struct Codes {
    errors: Vec<Code>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

impl Codes {
    /// Returns `None` for an answer that is none of Clerk's: of another media type, or without a
    /// list of errors.
    fn of(answer: &Answer) -> Option<Self> {
        if !is_json(answer) {
            return None;
        }
        let codes: Self = serde_json::from_slice(&answer.body).ok()?;
        (!codes.errors.is_empty()).then_some(codes)
    }

    fn any(&self, is: impl Fn(&str) -> bool) -> bool {
        self.errors.iter().any(|error| is(&error.code))
    }
}

/// Returns `true` for JSON of any kind, and where the type is not said.
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

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    fn class(status: u16, body: &'static str) -> ResponseClass {
        says_as("application/json", status, body)
    }

    fn says_as(media_type: &'static str, status: u16, body: &'static str) -> ResponseClass {
        let media_type = http::HeaderValue::from_static(media_type);
        ResponseClass::of(&Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, media_type)]),
            body: body.into(),
        })
    }

    const ERROR: &str = r#"{"errors":[{"code":"bad_request","message":"m"}]}"#;

    #[test]
    fn rule_8_only_404_and_400_speak_of_the_token() {
        for status in 100..600 {
            let expected = match status {
                200 => ResponseClass::Ok,
                400 | 404 => ResponseClass::InvalidToken,
                401 => ResponseClass::SecretRejected,
                402 => ResponseClass::QuotaExceeded,
                403 => ResponseClass::Forbidden,
                429 => ResponseClass::RateLimited,
                500.. => ResponseClass::ServerError,
                _ => ResponseClass::Unexpected,
            };
            assert_eq!(class(status, ERROR), expected, "{status}");
        }
        let version = r#"{"errors":[{"code":"api_version_invalid","message":"m"}]}"#;
        assert_eq!(class(400, version), ResponseClass::Unexpected);
    }

    #[test]
    fn rule_8_only_clerk_can_say_no() {
        for status in [400, 403, 404] {
            for body in [
                "",
                "{}",
                "null",
                "[]",
                "<html>",
                r#"{"errors":[]}"#,
                r#"{"errors":"a"}"#,
            ] {
                assert_eq!(
                    class(status, body),
                    ResponseClass::Unexpected,
                    "{status} {body}"
                );
            }
            assert_eq!(
                says_as("text/html", status, ERROR),
                ResponseClass::Unexpected
            );
            let with_charset = says_as("Application/JSON; charset=utf-8", status, ERROR);
            assert_eq!(with_charset, class(status, ERROR));
        }
    }

    #[test]
    fn rule_8_a_403_speaks_of_the_token_or_of_us_by_its_code() {
        let table = [
            (
                r#"{"errors":[{"code":"authorization_invalid"}]}"#,
                ResponseClass::Forbidden,
            ),
            (
                r#"{"errors":[{"code":"authorization_missing_scopes"}]}"#,
                ResponseClass::Forbidden,
            ),
            (
                r#"{"errors":[{"code":"machine_secret_key_invalid"}]}"#,
                ResponseClass::Forbidden,
            ),
            (
                r#"{"errors":[{"code":"what_nobody_knows"}]}"#,
                ResponseClass::Forbidden,
            ),
            (
                r#"{"errors":[{"code":"token_not_in_scope"}]}"#,
                ResponseClass::InvalidToken,
            ),
            (
                r#"{"errors":[{"code":"m2m_token_forbidden"}]}"#,
                ResponseClass::InvalidToken,
            ),
            (
                r#"{"errors":[{"code":"token_quota_exceeded"}]}"#,
                ResponseClass::QuotaExceeded,
            ),
            (
                r#"{"errors":[{"code":"quota_exceeded"}]}"#,
                ResponseClass::QuotaExceeded,
            ),
        ];
        for (body, expected) in table {
            assert_eq!(class(403, body), expected, "{body}");
        }
    }
}
