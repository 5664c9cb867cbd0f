//! Settings from the environment.

use std::env::{self, VarError};

use super::error::BuildError;

/// The name of a variable, and the setter for its value.
pub(crate) type Variable<B> = (&'static str, fn(B, String) -> B);

/// Applies the variables of the environment. A variable that is empty or white space is treated as
/// absent.
///
/// # Errors
///
/// Returns an error for a variable that is not Unicode. Treating it as absent would silently call
/// another address, or omit a secret.
pub(crate) fn from_env<B>(builder: B, variables: &[Variable<B>]) -> Result<B, BuildError> {
    read(builder, variables, |name| env::var(name))
}

fn read<B>(
    builder: B,
    variables: &[Variable<B>],
    get: impl Fn(&str) -> Result<String, VarError>,
) -> Result<B, BuildError> {
    variables
        .iter()
        .try_fold(builder, |builder, (name, set)| match get(name) {
            Ok(value) if !value.trim().is_empty() => Ok(set(builder, value)),
            Ok(_) | Err(VarError::NotPresent) => Ok(builder),
            Err(VarError::NotUnicode(_)) => Err(BuildError::new(
                name,
                "the variable holds bytes that are not Unicode",
            )),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn value_of(value: Result<&str, VarError>) -> Result<Option<String>, BuildError> {
        let variables: [Variable<Option<String>>; 1] = [("CLERK_MACHINE_ID", |_, it| Some(it))];
        read(None, &variables, |name| {
            assert_eq!(name, "CLERK_MACHINE_ID");
            value.clone().map(str::to_owned)
        })
    }

    #[test]
    fn an_empty_variable_counts_as_none() {
        assert_eq!(value_of(Ok("")), Ok(None));
        assert_eq!(value_of(Ok(" \n")), Ok(None));
        assert_eq!(value_of(Err(VarError::NotPresent)), Ok(None));
        assert_eq!(value_of(Ok("mch_a")), Ok(Some("mch_a".to_owned())));
    }

    #[test]
    fn a_variable_that_is_not_unicode_is_never_taken_for_none() {
        let error = value_of(Err(VarError::NotUnicode(OsString::new()))).unwrap_err();
        assert_eq!(error.setting(), "CLERK_MACHINE_ID");
    }
}
