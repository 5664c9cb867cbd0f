//! Classifies a response: is it about the token, or about our own side?

use http::StatusCode;

use super::api_error::ApiError;
use crate::error::Reason;
use crate::stats::CallResult;
use crate::transport::Answer;

/// The meaning of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseClass {
    /// The body contains the verdict.
    Ok,
    /// Clerk does not know the token, or does not allow its use here.
    InvalidToken,
    /// Clerk rate-limits this service.
    RateLimited,
    /// Clerk does not know our secret. Another one may work.
    SecretRejected,
    /// Clerk knows our secret, which lacks permission. Another one of the same type lacks it too.
    Forbidden,
    /// A quota is used up, or the plan does not include the endpoint.
    QuotaExceeded,
    /// Clerk responded with a server error.
    ServerError,
    /// The response is not Clerk's, or Clerk expects something that we do not send.
    Unexpected,
}

impl ResponseClass {
    pub(crate) fn of(answer: &Answer) -> Self {
        if answer.status == StatusCode::OK {
            return Self::Ok;
        }
        Self::of_error(&ApiError::read(answer, &[]))
    }

    /// Classifies an error by its status and the codes of its errors.
    ///
    /// Only a response of Clerk itself can reject a token. A proxy that does not know the path responds
    /// with 404 as well. Treating that as a rejection would lock out every caller.
    pub(crate) fn of_error(error: &ApiError) -> Self {
        let has = |is: fn(&str) -> bool| error.errors.iter().any(|error| is(&error.code));
        match error.status {
            StatusCode::UNAUTHORIZED => Self::SecretRejected,
            StatusCode::PAYMENT_REQUIRED => Self::QuotaExceeded,
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited,
            status if status.is_server_error() => Self::ServerError,
            StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND
                if error.has_codes() =>
            {
                match error.status {
                    _ if has(is_of_quota) => Self::QuotaExceeded,
                    StatusCode::FORBIDDEN if has(is_of_token) => Self::InvalidToken,
                    StatusCode::FORBIDDEN => Self::Forbidden,
                    StatusCode::BAD_REQUEST if has(is_of_call) => Self::Unexpected,
                    _ => Self::InvalidToken,
                }
            }
            _ => Self::Unexpected,
        }
    }

    /// Returns what an attempt with such an answer is counted as.
    pub(crate) const fn result(self) -> CallResult {
        match self {
            Self::Ok => CallResult::Ok,
            Self::InvalidToken => CallResult::BadToken,
            Self::RateLimited | Self::QuotaExceeded => CallResult::RateLimited,
            Self::SecretRejected | Self::Forbidden => CallResult::Unauthorized,
            Self::ServerError => CallResult::ServerError,
            Self::Unexpected => CallResult::Unreadable,
        }
    }

    pub(crate) const fn reason(self) -> Reason {
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

/// Returns `true` for the code of a 400 that is about our call.
fn is_of_call(code: &str) -> bool {
    matches!(code, "api_version_invalid" | "unsupported_content_type")
}

/// Returns `true` for the code of a quota or a plan, regardless of the status.
fn is_of_quota(code: &str) -> bool {
    matches!(
        code,
        "quota_exceeded" | "token_quota_exceeded" | "unsupported_subscription_plan_features"
    )
}

/// Returns `true` for the code of a 403 that is about the token.
///
/// Clerk documents no code for such a 403, for instance for an M2M token that may not reach the machine
/// whose secret is used. Codes of the token endpoints start with their subject. Codes about our secret
/// start with `authorization_`, `authentication_`, `clerk_key_` or `machine_secret_key_`. Every code
/// that is not known to be about the token is about us, and gives no verdict.
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

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, header};

    fn class(status: u16, body: &'static str) -> ResponseClass {
        class_as("application/json", status, body)
    }

    fn class_as(media_type: &'static str, status: u16, body: &'static str) -> ResponseClass {
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
                class_as("text/html", status, ERROR),
                ResponseClass::Unexpected
            );
            let with_charset = class_as("Application/JSON; charset=utf-8", status, ERROR);
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
