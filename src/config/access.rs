//! The address of Clerk, and the secrets to call it with.

use secrecy::{ExposeSecret as _, SecretString};

use super::error::BuildError;
use crate::credential::Secrets;
use crate::machine_secret::MachineSecret;
use crate::secret::{Environment, InstanceSecret, MachineSecretKey, SecretError};
use crate::setting::{API_URL, MACHINE_SECRET_KEY, SECRET_KEY};
use crate::transport::{BaseUrl, PlainHost};

const PLAIN_HTTP: &str = "danger_accept_plain_http";
const DEFAULT_API_URL: &str = "https://api.clerk.com";

/// The settings as they were given. They are checked when they are read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    instance: Option<Result<InstanceSecret, SecretError>>,
    machine: Option<Result<MachineSecret, SecretError>>,
    /// The unchecked value might contain a password, so it is not shown.
    api_url: Option<SecretString>,
    plain_host: Option<String>,
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

    pub(crate) fn set_plain_host(&mut self, host: impl Into<String>) {
        self.plain_host = Some(host.into());
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
        BaseUrl::parse_api(url.unwrap_or(DEFAULT_API_URL), self.plain_host()?.as_ref())
            .map_err(|error| BuildError::new(API_URL, error))
    }

    /// Returns the host that may be called over plain `http`. There is none with the secret of a
    /// production instance: an emulator has no use for it.
    pub(crate) fn plain_host(&self) -> Result<Option<PlainHost>, BuildError> {
        let Some(host) = &self.plain_host else {
            return Ok(None);
        };
        let instance = self.secrets()?.instance;
        let environment = instance.and_then(|secret| secret.current().environment());
        if environment == Some(Environment::Production) {
            let problem = "is for emulators; a production secret (`sk_live_`) must not be sent in \
                the clear";
            return Err(BuildError::new(PLAIN_HTTP, problem));
        }
        let problem = "must be a host name alone, as in `clerk-emulator`";
        let plain = PlainHost::parse(host);
        plain
            .map(Some)
            .ok_or_else(|| BuildError::new(PLAIN_HTTP, problem))
    }
}
