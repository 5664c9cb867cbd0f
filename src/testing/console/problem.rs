//! The API's error responses.

use serde_json::json;

use crate::testing::refusal::Refusal;
use crate::testing::reply::Reply;

/// An error response; the page shows its message.
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
