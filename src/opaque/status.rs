//! What the status of an answer says: about the token, or about our own side.

use http::StatusCode;
use serde::Deserialize;

use crate::error::Reason;
use crate::transport::Answer;

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// The body tells about the token.
    Body,
    /// Clerk does not know the token.
    BadToken,
    /// Clerk asks for fewer calls.
    FewerCalls,
    /// Clerk refuses our secret.
    BadSecret,
    /// Clerk is broken.
    Broken,
    /// Something else than Clerk answers, or Clerk wants something that we do not give.
    Nonsense,
}

impl Says {
    pub(super) fn of(answer: &Answer) -> Self {
        match answer.status {
            StatusCode::OK => Self::Body,
            StatusCode::NOT_FOUND => Self::BadToken,
            StatusCode::BAD_REQUEST if is_our_mistake(answer) => Self::Nonsense,
            StatusCode::BAD_REQUEST => Self::BadToken,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::BadSecret,
            StatusCode::TOO_MANY_REQUESTS => Self::FewerCalls,
            status if status.is_server_error() => Self::Broken,
            _ => Self::Nonsense,
        }
    }

    pub(super) const fn reason(self) -> Reason {
        match self {
            Self::Body | Self::Nonsense => Reason::UpstreamAnswer,
            Self::BadToken => Reason::UnknownToken,
            Self::FewerCalls => Reason::RateLimited,
            Self::BadSecret => Reason::Credentials,
            Self::Broken => Reason::Upstream,
        }
    }
}

/// A 400 that is not about the token.
fn is_our_mistake(answer: &Answer) -> bool {
    #[derive(Deserialize)]
    struct Body {
        errors: Vec<Error>,
    }
    #[derive(Deserialize)]
    struct Error {
        code: String,
    }
    const OURS: [&str; 2] = ["api_version_invalid", "unsupported_content_type"];
    serde_json::from_slice(&answer.body).is_ok_and(|body: Body| {
        let ours = |error: &Error| OURS.contains(&error.code.as_str());
        body.errors.iter().any(ours)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(status: u16, body: &'static str) -> Says {
        Says::of(&Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: Default::default(),
            body: body.into(),
        })
    }

    #[test]
    fn rule_8_only_404_and_400_speak_of_the_token() {
        for status in 100..600 {
            let expected = match status {
                200 => Says::Body,
                400 | 404 => Says::BadToken,
                401 | 403 => Says::BadSecret,
                429 => Says::FewerCalls,
                500.. => Says::Broken,
                _ => Says::Nonsense,
            };
            assert_eq!(says(status, "{}"), expected, "{status}");
        }
        let version = r#"{"errors":[{"code":"api_version_invalid","message":"m"}]}"#;
        assert_eq!(says(400, version), Says::Nonsense);
        assert_eq!(
            says(400, r#"{"errors":[{"code":"bad_request"}]}"#),
            Says::BadToken
        );
    }
}
