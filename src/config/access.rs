//! The address of Clerk, and the secrets to call it with.

use secrecy::{ExposeSecret as _, SecretString};

use super::error::BuildError;
use crate::credential::Secrets;
use crate::machine_secret::MachineSecret;
use crate::secret::{InstanceSecret, MachineSecretKey, SecretError};
use crate::setting::{API_URL, MACHINE_SECRET_KEY, SECRET_KEY};
use crate::transport::BaseUrl;

const DEFAULT_API_URL: &str = "https://api.clerk.com";

/// The settings as they were given. They are checked when they are read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    instance: Option<Result<InstanceSecret, SecretError>>,
    machine: Option<Result<MachineSecret, SecretError>>,
    /// The unchecked value might contain a password, so it is not shown.
    api_url: Option<SecretString>,
}

impl Access {
    pub(crate) fn set_secret_key<K>(&mut self, key: K)
    where
        K: TryInto<InstanceSecret, Error: Into<SecretError>>,
    {
        self.instance = Some(key.try_into().map_err(Into::into));
    }

    pub(crate) fn set_machine_secret_key(&mut self, key: impl Into<String>) {
        self.machine = Some(MachineSecretKey::new(key).map(MachineSecret::fixed));
    }

    pub(crate) fn set_machine_secret(&mut self, secret: impl Into<MachineSecret>) {
        self.machine = Some(Ok(secret.into()));
    }

    pub(crate) fn set_api_url(&mut self, url: impl Into<String>) {
        self.api_url = Some(url.into().into());
    }

    pub(crate) fn secrets(&self) -> Result<Secrets, BuildError> {
        let instance = self.instance.clone().transpose();
        let machine = self.machine.clone().transpose();
        Ok(Secrets {
            instance: instance.map_err(|error| BuildError::new(SECRET_KEY, error))?,
            machine: machine.map_err(|error| BuildError::new(MACHINE_SECRET_KEY, error))?,
        })
    }

    pub(crate) fn api(&self) -> Result<BaseUrl, BuildError> {
        let url = self.api_url.as_ref().map(SecretString::expose_secret);
        BaseUrl::parse_api(url.unwrap_or(DEFAULT_API_URL))
            .map_err(|error| BuildError::new(API_URL, error))
    }
}
