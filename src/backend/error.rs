//! The error of a call of the admin client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::ApiError;
use crate::problem::{Failure, UpstreamProblem};
use crate::setting::{MACHINE_ID, SECRET_KEY};
use crate::transport::{TransportError, TransportErrorKind};

/// Error of a call of the admin client; cheap to clone.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::{AdminClient, AdminErrorKind, SecretKey};
///
/// # tokio_test(async {
/// let client = AdminClient::builder()
///     .secret_key(SecretKey::new("sk_test_4f8a")?)
///     .build()?;
/// // Refused here, before any call, with the field named.
/// let error = client.machines().create("").send().await.unwrap_err();
/// assert_eq!(error.kind(), AdminErrorKind::InvalidInput);
/// assert_eq!(error.field(), Some("name"));
/// # Ok(())
/// # });
/// # fn tokio_test(f: impl Future<Output = Result<(), Box<dyn std::error::Error>>>) {
/// #     tokio::runtime::Runtime::new().unwrap().block_on(f).unwrap();
/// # }
/// ```
///
/// # Security
///
/// Neither `Debug` nor `Display` nor any source contains a secret, a token, or a URL.
#[derive(Clone)]
pub struct AdminError(Arc<Cause>);

/// The kinds of [`AdminError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AdminErrorKind {
    /// Clerk responded with an error; see [`AdminError::api`].
    Api,
    /// There was no usable response: no connection, a timeout, a broken or oversized response.
    Transport,
    /// Clerk would reject the input, so no call was made; see [`AdminError::field`].
    InvalidInput,
    /// Clerk responded with success, but in a form that this crate cannot parse.
    Decode,
    /// The client has no secret that this call can use.
    MissingSecret,
    /// The task that made the call ended early, for example because its runtime shut down.
    Interrupted,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error("{0}")]
    Api(ApiError),
    #[error("Clerk could not be reached: {0}")]
    Transport(#[source] TransportError),
    #[error("`{field}` {reason}")]
    InvalidInput {
        field: &'static str,
        reason: &'static str,
    },
    #[error("the answer is not of the documented form ({category} error, column {column})")]
    Decode {
        category: &'static str,
        column: usize,
    },
    #[error("the answer is about another object than the one that was asked for")]
    OtherObject,
    #[error("this call needs {0}, which the client does not hold")]
    MissingSecret(&'static str),
    #[error("the task that made the call ended before its answer")]
    Interrupted,
}

impl AdminError {
    pub(crate) fn api_error(error: ApiError) -> Self {
        Cause::Api(error).into()
    }

    pub(crate) fn invalid(field: &'static str, reason: &'static str) -> Self {
        Cause::InvalidInput { field, reason }.into()
    }

    pub(crate) fn missing_secret(which: &'static str) -> Self {
        Cause::MissingSecret(which).into()
    }

    pub(crate) fn about_another_object() -> Self {
        Cause::OtherObject.into()
    }

    pub(crate) fn interrupted() -> Self {
        Cause::Interrupted.into()
    }

    /// Returns the kind of this error.
    #[must_use]
    pub fn kind(&self) -> AdminErrorKind {
        match &*self.0 {
            Cause::Api(_) => AdminErrorKind::Api,
            Cause::Transport(_) => AdminErrorKind::Transport,
            Cause::InvalidInput { .. } => AdminErrorKind::InvalidInput,
            Cause::Decode { .. } | Cause::OtherObject => AdminErrorKind::Decode,
            Cause::MissingSecret(_) => AdminErrorKind::MissingSecret,
            Cause::Interrupted => AdminErrorKind::Interrupted,
        }
    }

    /// Returns Clerk's error response, if there was one.
    #[must_use]
    pub fn api(&self) -> Option<&ApiError> {
        match &*self.0 {
            Cause::Api(error) => Some(error),
            _ => None,
        }
    }

    /// Returns the name of the field that was rejected before any call.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match &*self.0 {
            Cause::InvalidInput { field, .. } => Some(field),
            _ => None,
        }
    }

    /// Returns what this error says about Clerk, if it comes from loading a machine secret.
    pub(crate) fn failure(&self) -> Failure {
        match &*self.0 {
            Cause::Api(api) if api.is_not_found() => {
                (UpstreamProblem::Credentials, Some(MACHINE_ID))
            }
            Cause::Api(api) if api.is_rate_limited() => (UpstreamProblem::RateLimited, None),
            Cause::Api(api) if api.is_quota_exceeded() => (UpstreamProblem::Quota, None),
            Cause::Api(api) if api.status.is_client_error() => {
                (UpstreamProblem::Credentials, Some(SECRET_KEY))
            }
            Cause::MissingSecret(_) => (UpstreamProblem::Credentials, Some(SECRET_KEY)),
            Cause::Decode { .. } | Cause::OtherObject => (UpstreamProblem::Unreadable, None),
            Cause::Transport(error) if error.is_unreadable() => (UpstreamProblem::Unreadable, None),
            Cause::Api(_) | Cause::Transport(_) | Cause::Interrupted => {
                (UpstreamProblem::Failing, None)
            }
            Cause::InvalidInput { .. } => (UpstreamProblem::Unreadable, None),
        }
    }

    /// Returns `true` if there was a response that was not read.
    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(&*self.0, Cause::Transport(error) if error.is_unreadable())
    }

    /// Returns the `Retry-After` of Clerk's response; at most an hour.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.api()?.retry_after
    }

    /// Returns `true` if Clerk says that the object does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.api().is_some_and(ApiError::is_not_found)
    }

    /// Returns `true` if Clerk says that too many calls were made.
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.api().is_some_and(ApiError::is_rate_limited)
    }

    /// Returns `true` if Clerk refused the secret of the call.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        self.api().is_some_and(ApiError::is_unauthorized)
    }

    /// Returns `true` if the subject already has a key of this name.
    #[must_use]
    pub fn is_name_conflict(&self) -> bool {
        self.api().is_some_and(ApiError::is_name_conflict)
    }

    /// Returns `true` if the call may have taken effect nevertheless.
    ///
    /// This is the case if the request may have arrived, but its response was lost, unreadable, or
    /// a server error. Before you repeat a call that creates something, check whether it exists.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        match &*self.0 {
            Cause::Api(error) => error.is_server_error(),
            Cause::Transport(error) => !matches!(
                error.kind,
                TransportErrorKind::Connect
                    | TransportErrorKind::Request
                    | TransportErrorKind::Setup
            ),
            Cause::Decode { .. } | Cause::OtherObject | Cause::Interrupted => true,
            Cause::InvalidInput { .. } | Cause::MissingSecret(_) => false,
        }
    }
}

impl fmt::Debug for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for AdminError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl From<Cause> for AdminError {
    fn from(cause: Cause) -> Self {
        Self(Arc::new(cause))
    }
}

impl From<TransportError> for AdminError {
    fn from(error: TransportError) -> Self {
        Cause::Transport(error).into()
    }
}

impl AdminError {
    /// Keeps the position of a parse error, not the value: serde quotes the unexpected value, which may
    /// be a secret.
    ///
    /// Not a `From` impl, which would be public and make serde_json a part of this crate's interface.
    // By value, so that it can be passed to `map_err`.
    #[allow(clippy::needless_pass_by_value)]
    pub(crate) fn decode(error: serde_json::Error) -> Self {
        let category = match error.classify() {
            serde_json::error::Category::Data => "data",
            serde_json::error::Category::Eof => "end of file",
            serde_json::error::Category::Io | serde_json::error::Category::Syntax => "syntax",
        };
        let column = error.column();
        Cause::Decode { category, column }.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_19_a_decode_error_never_quotes_the_answer() {
        let error = serde_json::from_str::<u64>(r#""ak_canary""#).unwrap_err();
        assert!(error.to_string().contains("ak_canary"));
        let error = AdminError::decode(error);
        assert!(!format!("{error:?} {error}").contains("canary"));
        assert_eq!(error.kind(), AdminErrorKind::Decode);
        assert!(error.is_outcome_unknown());
    }

    #[test]
    fn an_invalid_input_names_its_field_and_had_no_effect() {
        let error = AdminError::invalid("name", "is empty");
        assert_eq!(error.to_string(), "`name` is empty");
        assert_eq!(error.field(), Some("name"));
        assert!(!error.is_outcome_unknown());
    }
}
