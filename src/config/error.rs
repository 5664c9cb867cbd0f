//! A mistake in the settings, with the name of the setting and the fix.

use std::fmt;

/// Error of a builder: a setting is invalid or missing.
///
/// `Debug` prints the same as `Display`, so that a `main` that returns this error shows the
/// message.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::Authenticator;
///
/// let error = Authenticator::builder()
///     .secret_key("pk_test_4f8a")
///     .build()
///     .unwrap_err();
/// assert_eq!(error.setting(), "secret_key (CLERK_SECRET_KEY)");
/// assert!(error.to_string().contains("this is a publishable key"));
/// ```
///
/// # Security
///
/// Never contains the value of a setting.
#[derive(Clone, PartialEq, Eq)]
pub struct BuildError {
    setting: &'static str,
    problem: String,
}

impl BuildError {
    pub(crate) fn new(setting: &'static str, problem: impl fmt::Display) -> Self {
        let problem = problem.to_string();
        Self { setting, problem }
    }

    /// The error where the system has no randomness to make keys of.
    pub(crate) fn no_randomness() -> Self {
        Self::new("system", "the system provides no randomness")
    }

    /// Returns the name of the setting.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        self.setting
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)
    }
}

impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for BuildError {}
