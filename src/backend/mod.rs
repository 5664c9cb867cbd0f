//! Clerk's Backend API responses: errors, and the meaning of a status for every caller.

mod api_error;
mod error;
mod response_class;
mod token_answer;

pub use self::api_error::{ApiError, ErrorDetail};
pub use self::error::{AdminError, AdminErrorKind};
pub(crate) use self::response_class::ResponseClass;
#[cfg(test)]
pub(crate) use self::token_answer::object;
pub(crate) use self::token_answer::{ApiKeyAnswer, OAuthAnswer, TokenAnswer, is_inactive};
