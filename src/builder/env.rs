//! Settings from the environment.

use std::env::{self, VarError};

use super::{AuthenticatorBuilder, BuildError};

impl AuthenticatorBuilder {
    /// Takes the settings from the environment; see
    /// [`Authenticator::from_env`](crate::Authenticator::from_env).
    ///
    /// # Errors
    ///
    /// Fails for a variable that is no Unicode.
    pub fn from_env() -> Result<Self, BuildError> {
        Self::default().read(|name| env::var(name))
    }

    fn read(self, get: impl Fn(&str) -> Result<String, VarError>) -> Result<Self, BuildError> {
        type Setter = fn(AuthenticatorBuilder, String) -> AuthenticatorBuilder;
        const VARIABLES: [(&str, Setter); 6] = [
            ("CLERK_SECRET_KEY", |builder, value| {
                builder.secret_key(value)
            }),
            ("CLERK_MACHINE_SECRET_KEY", |builder, value| {
                builder.machine_secret_key(value)
            }),
            ("CLERK_MACHINE_ID", |builder, value| {
                builder.machine_id(value)
            }),
            ("CLERK_JWT_KEY", |builder, value| builder.jwt_key(value)),
            ("CLERK_PUBLISHABLE_KEY", |builder, value| {
                builder.publishable_key(value)
            }),
            ("CLERK_API_URL", |builder, value| builder.api_url(value)),
        ];
        VARIABLES
            .into_iter()
            .try_fold(self, |builder, (name, set)| match get(name) {
                Ok(value) if !value.trim().is_empty() => Ok(set(builder, value)),
                Ok(_) | Err(VarError::NotPresent) => Ok(builder),
                Err(VarError::NotUnicode(_)) => Err(BuildError::new(
                    name,
                    "the variable holds bytes that are no text",
                )),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn read(value: Result<&str, VarError>) -> Result<String, BuildError> {
        let get = |name: &str| match (name, &value) {
            ("CLERK_MACHINE_ID", Ok(value)) => Ok((*value).to_owned()),
            ("CLERK_MACHINE_ID", Err(error)) => Err(error.clone()),
            _ => Err(VarError::NotPresent),
        };
        let builder = AuthenticatorBuilder::default().read(get)?;
        Ok(format!("{:?}", builder.settings.machine_id))
    }

    #[test]
    fn an_empty_variable_counts_as_none() {
        assert_eq!(read(Ok("")), Ok("None".to_owned()));
        assert_eq!(read(Ok(" \n")), Ok("None".to_owned()));
        assert_eq!(read(Ok("mch_a")), Ok("Some(\"mch_a\")".to_owned()));
        let error = read(Err(VarError::NotUnicode(OsString::new()))).unwrap_err();
        assert_eq!(error.setting(), "CLERK_MACHINE_ID");
    }
}
