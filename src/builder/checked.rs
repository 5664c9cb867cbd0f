//! Settings that have been checked, individually and against each other.

use secrecy::ExposeSecret as _;
use url::Url;

use super::publishable_key::FrontendApi;
use super::settings::{SenderSetting, Settings};
use crate::authenticator::Accepted;
use crate::config::BuildError;
use crate::credential::Secrets;
use crate::id::MachineId;
use crate::keys::{KeySet, parse_pem};
use crate::machine_secret::MachineSecret;
use crate::secret::InstanceSecret;
use crate::setting::{JWT_KEY, MACHINE_ID, PUBLISHABLE_KEY, SECRET_KEY};
use crate::token::{TokenType, TokenTypes};
use crate::transport::BaseUrl;

type Checked<T> = Result<T, BuildError>;

/// The origin of the keys for JWTs.
#[derive(Debug)]
pub(super) enum KeyOrigin {
    Pinned(KeySet),
    Backend,
    Public(Url),
}

/// The identity of this service, and what it trusts.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) secrets: Secrets,
    pub(super) me: Option<MachineId>,
    pub(super) api: BaseUrl,
    pub(super) keys: Option<KeyOrigin>,
    pub(super) issuer: Option<Box<str>>,
}

/// How M2M tokens are bound to this machine.
#[derive(Debug)]
pub(super) enum Binding {
    Registry(MachineId),
    Listed(Box<[MachineId]>),
    ScopeClaims,
    Any,
}

impl Identity {
    pub(super) fn of(settings: &Settings) -> Checked<Self> {
        let secrets = settings.access.secrets()?;
        let plain = settings.access.plain_host()?;
        let frontend = settings
            .publishable_key
            .as_deref()
            .map(|key| FrontendApi::parse(key, plain.as_ref()))
            .transpose();
        let frontend = frontend.map_err(|error| BuildError::new(PUBLISHABLE_KEY, error))?;
        check_environments(secrets.instance.as_ref(), frontend.as_ref())?;
        Ok(Self {
            me: me(settings, secrets.machine.as_ref())?,
            api: settings.access.api()?,
            keys: keys(settings, secrets.instance.is_some(), frontend.as_ref())?,
            issuer: issuer(settings, frontend.as_ref())?,
            secrets,
        })
    }

    /// Determines the accepted types by token format.
    pub(super) fn accepted(&self, wanted: Option<TokenTypes>) -> Checked<Accepted> {
        let jwt = match self.keys {
            Some(_) => TokenTypes::from_iter([TokenType::M2m, TokenType::OAuth]),
            None => TokenTypes::NONE,
        };
        let opaque = match (&self.secrets.instance, &self.secrets.machine) {
            (Some(_), _) => TokenTypes::all(),
            (None, Some(_)) => TokenTypes::from_iter([TokenType::M2m]),
            (None, None) => TokenTypes::NONE,
        };
        let possible = TokenTypes::from_iter(jwt.iter().chain(opaque.iter()));
        if possible.is_empty() {
            return Err(BuildError::new(SECRET_KEY, NOTHING_TO_VERIFY_WITH));
        }
        let wanted = wanted.unwrap_or(possible);
        check_wanted(wanted, possible)?;
        Ok(Accepted {
            jwt: jwt.and(wanted),
            opaque: opaque.and(wanted),
        })
    }

    /// Determines how M2M tokens are bound to this machine.
    pub(super) fn binding(&self, accepted: Accepted, senders: SenderSetting) -> Checked<Binding> {
        match (senders, &self.me) {
            (SenderSetting::Listed(ids), _) => listed(ids),
            (SenderSetting::ScopeClaims, None) => {
                let problem = "`trust_scope_claims` needs to know which machine this is; set it";
                Err(BuildError::new(MACHINE_ID, problem))
            }
            (SenderSetting::ScopeClaims, Some(_)) => Ok(Binding::ScopeClaims),
            (SenderSetting::Any, _) => Ok(Binding::Any),
            (SenderSetting::Default, me) => self.default_binding(accepted, me.as_ref()),
        }
    }

    fn default_binding(&self, accepted: Accepted, me: Option<&MachineId>) -> Checked<Binding> {
        let takes_jwt = accepted.jwt.contains(TokenType::M2m);
        let takes_opaque = accepted.opaque.contains(TokenType::M2m);
        if takes_jwt {
            return match (&self.secrets.instance, me) {
                (Some(_), Some(me)) => Ok(Binding::Registry(me.clone())),
                (Some(_), None) => Err(BuildError::new(MACHINE_ID, UNBOUND_JWT)),
                (None, _) => Err(BuildError::new(SECRET_KEY, UNBOUND_JWT)),
            };
        }
        if takes_opaque && me.is_none() && self.secrets.machine.is_none() {
            return Err(BuildError::new(MACHINE_ID, UNBOUND_OPAQUE));
        }
        // No M2M JWT is accepted. If one ever got this far, this would reject it unless it names this
        // machine.
        Ok(Binding::ScopeClaims)
    }
}

const NOTHING_TO_VERIFY_WITH: &str = "there is nothing to verify tokens with; set secret_key, or \
    machine_secret_key for opaque M2M tokens, or jwt_key or publishable_key for JWTs";
const UNBOUND_JWT: &str = "M2M JWTs are accepted and nothing binds them to this machine; set \
    secret_key and machine_id so that Clerk's registry decides, or choose allow_senders, \
    trust_scope_claims or any_sender, or leave m2m_token out of accept";
const UNBOUND_OPAQUE: &str = "opaque M2M tokens are accepted and nothing binds them to this \
    machine; set machine_id or machine_secret_key, or choose allow_senders or any_sender, or leave \
    m2m_token out of accept";

/// Rejects keys of two instances: every JWT would be rejected, for its issuer or for its signature.
fn check_environments(
    instance: Option<&InstanceSecret>,
    frontend: Option<&FrontendApi>,
) -> Checked<()> {
    let secret = instance.and_then(|secret| secret.current().environment());
    let published = frontend.map(FrontendApi::environment);
    match secret.zip(published) {
        Some((secret, published)) if secret != published => {
            let problem = "the publishable key and the secret key are of different instances: one \
                of a development instance (`…_test_`), the other of a production instance \
                (`…_live_`)";
            Err(BuildError::new(PUBLISHABLE_KEY, problem))
        }
        _ => Ok(()),
    }
}

/// Checks the issuer. `iss` is compared byte by byte, and Clerk's issuers have no trailing slash.
fn issuer(settings: &Settings, frontend: Option<&FrontendApi>) -> Checked<Option<Box<str>>> {
    let Some(issuer) = settings.issuer.as_deref().map(str::trim) else {
        return Ok(frontend.map(|frontend| frontend.issuer().into()));
    };
    if issuer.is_empty() {
        return Err(BuildError::new("issuer", "it is empty; leave it out"));
    }
    if issuer.ends_with('/') {
        let problem = "it ends in a slash, and Clerk's issuers do not; take the slash off";
        return Err(BuildError::new("issuer", problem));
    }
    Ok(Some(issuer.into()))
}

fn me(settings: &Settings, secret: Option<&MachineSecret>) -> Checked<Option<MachineId>> {
    match &settings.machine_id {
        Some(id) => MachineId::new(id.trim())
            .map(Some)
            .map_err(|error| BuildError::new(MACHINE_ID, error)),
        None => Ok(secret.and_then(MachineSecret::machine_id).cloned()),
    }
}

fn keys(
    settings: &Settings,
    have_secret: bool,
    frontend: Option<&FrontendApi>,
) -> Checked<Option<KeyOrigin>> {
    if let Some(pem) = &settings.jwt_key {
        let key =
            parse_pem(pem.expose_secret()).map_err(|error| BuildError::new(JWT_KEY, error))?;
        return Ok(Some(KeyOrigin::Pinned(KeySet::fixed(key))));
    }
    if have_secret {
        return Ok(Some(KeyOrigin::Backend));
    }
    Ok(frontend.map(|frontend| KeyOrigin::Public(frontend.key_set())))
}

fn check_wanted(wanted: TokenTypes, possible: TokenTypes) -> Checked<()> {
    if wanted.is_empty() {
        return Err(BuildError::new(
            "accept",
            "the list is empty; name at least one type",
        ));
    }
    match wanted
        .iter()
        .find(|token_type| !possible.contains(*token_type))
    {
        Some(token_type) => Err(BuildError::new(
            SECRET_KEY,
            format_args!(
                "`{token_type}` is to be accepted and cannot be verified without this secret"
            ),
        )),
        None => Ok(()),
    }
}

fn listed(ids: Vec<String>) -> Checked<Binding> {
    if ids.is_empty() {
        let problem = "the list is empty; name at least one machine, or choose any_sender";
        return Err(BuildError::new("allow_senders", problem));
    }
    let ids = ids
        .into_iter()
        .map(MachineId::new)
        .collect::<Result<_, _>>();
    ids.map(Binding::Listed)
        .map_err(|error| BuildError::new("allow_senders", error))
}
