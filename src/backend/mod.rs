//! What Clerk's Backend API answers: its errors, and what a status means, whoever asked.

mod api_error;
mod error;
mod response_class;

pub use self::api_error::{ApiError, ErrorDetail};
pub use self::error::{AdminError, AdminErrorKind};
pub(crate) use self::response_class::ResponseClass;
