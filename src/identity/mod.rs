//! The typed identity that handlers receive.

mod actor;
mod api_key;
mod custom;
mod extensions;
mod facts;
mod grants;
mod m2m;
mod oauth;
mod serialize;

use std::time::SystemTime;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::actor::Actor;
pub use self::api_key::ApiKey;
pub(crate) use self::custom::CustomClaims;
pub(crate) use self::extensions::{Admitted, Anonymous, AuthenticatorId, Origin};
pub use self::facts::{ClaimsError, TokenFormat};
pub(crate) use self::facts::{Facts, UnixMillis};
pub(crate) use self::grants::{GrantFn, ScopeGrants};
pub use self::m2m::M2mToken;
pub(crate) use self::oauth::OAuthFacts;
pub use self::oauth::OAuthToken;
use crate::scope::Scopes;
use crate::token::TokenType;

/// The verified machine identity of a request.
///
/// Cheap to clone. Handlers get it as an axum extractor, or from the request's extensions. It can
/// only be obtained by a successful verification.
///
/// Serializes with the field names of Clerk's own auth object.
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::MachineAuth;
///
/// fn greeting(auth: &MachineAuth) -> String {
///     match auth {
///         MachineAuth::M2m(token) => format!("machine {}", token.machine_id()),
///         MachineAuth::ApiKey(key) => format!("key {:?} of {}", key.name(), key.subject()),
///         MachineAuth::OAuth(token) => format!("app {:?} for {}", token.client_id(), token.user_id()),
///         _ => "a token type of a later version".to_owned(),
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum MachineAuth {
    /// A machine of the instance, with an M2M token.
    M2m(M2mToken),
    /// A user or an organization, with an API key.
    ApiKey(ApiKey),
    /// A user, with an access token of an OAuth application.
    OAuth(OAuthToken),
}

impl MachineAuth {
    pub(crate) fn facts(&self) -> &Facts {
        match self {
            Self::M2m(token) => token.facts(),
            Self::ApiKey(key) => key.facts(),
            Self::OAuth(token) => token.facts(),
        }
    }

    /// Returns the type of the token.
    #[must_use]
    pub const fn token_type(&self) -> TokenType {
        match self {
            Self::M2m(_) => TokenType::M2m,
            Self::ApiKey(_) => TokenType::ApiKey,
            Self::OAuth(_) => TokenType::OAuth,
        }
    }

    /// Returns the format of the token: JWT or opaque.
    #[must_use]
    pub fn format(&self) -> TokenFormat {
        self.facts().format
    }

    /// Returns the identifier of the token (`mt_…`, `ak_…`, `oat_…`); empty for a JWT without `jti`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.facts().id
    }

    /// Returns the subject of the token: `mch_…`, `user_…` or `org_…`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.facts().subject
    }

    /// Returns the scopes in the token, as Clerk's own auth object does.
    ///
    /// For an opaque M2M token these are the machines that it may reach.
    ///
    /// # Security
    ///
    /// Do not use them for access decisions on M2M tokens, since the sender of a JWT chooses them.
    /// Use [`granted_scopes`](Self::granted_scopes).
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.facts().scopes
    }

    /// Returns the scopes that [`has_scope`](Self::has_scope) and
    /// [`RequireScopes`](crate::RequireScopes) check.
    ///
    /// For an API key or an OAuth token, these are the scopes in the token. For an M2M token, these
    /// are the scopes that this service grants to the sending machine with
    /// [`AuthenticatorBuilder::grant_scopes`](crate::AuthenticatorBuilder::grant_scopes).
    #[must_use]
    pub fn granted_scopes(&self) -> &Scopes {
        match self {
            Self::M2m(token) => token.granted_scopes(),
            Self::ApiKey(_) | Self::OAuth(_) => self.scopes(),
        }
    }

    /// Returns `true` if the sender has this scope: see [`granted_scopes`](Self::granted_scopes).
    ///
    /// # Security
    ///
    /// The scopes in an M2M token are claims that the sending machine chose: they say what it wants
    /// to do, not what an administrator allowed. They are ignored, unless
    /// [`trust_m2m_scope_claims`](crate::AuthenticatorBuilder::trust_m2m_scope_claims) is set.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.granted_scopes().contains(scope)
    }

    /// Deserializes the custom claims of the token.
    ///
    /// # Errors
    ///
    /// Fails if the claims do not match the type. A token without claims deserializes from JSON
    /// `null`.
    ///
    /// # Examples
    ///
    /// ```
    /// use clerk_machine_auth::{ClaimsError, MachineAuth};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Claims {
    ///     tenant: String,
    /// }
    ///
    /// fn tenant(auth: &MachineAuth) -> Result<String, ClaimsError> {
    ///     Ok(auth.claims::<Claims>()?.tenant)
    /// }
    /// ```
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, ClaimsError> {
        match self {
            Self::M2m(token) => token.claims(),
            Self::ApiKey(key) => key.claims(),
            Self::OAuth(token) => token.claims(),
        }
    }

    /// Returns the custom claims of the token as JSON.
    ///
    /// They are parsed on the first call for each request, because the cache only stores their
    /// text.
    #[must_use]
    pub fn raw_claims(&self) -> Option<&Value> {
        match self {
            Self::M2m(token) => token.raw_claims(),
            Self::ApiKey(key) => key.raw_claims(),
            Self::OAuth(token) => token.raw_claims(),
        }
    }

    /// Returns when the token was issued, if that is known.
    #[must_use]
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.facts().issued_at.map(UnixMillis::to_system_time)
    }

    /// Returns when the token expires; `None` if it does not.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.facts().expires_at.map(UnixMillis::to_system_time)
    }

    /// Returns the machine (`mch_…`) that sent an M2M token.
    #[must_use]
    pub fn machine_id(&self) -> Option<&str> {
        match self {
            Self::M2m(token) => Some(token.machine_id()),
            Self::ApiKey(_) | Self::OAuth(_) => None,
        }
    }

    /// Returns the user (`user_…`) behind an API key or an OAuth token.
    ///
    /// # Security
    ///
    /// Never returns a machine, i.e. a subject `mch_…`.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        match self {
            Self::M2m(_) => None,
            Self::ApiKey(key) => key.user_id(),
            Self::OAuth(token) => Some(token.user_id()),
        }
    }

    /// Returns the organization (`org_…`) behind an API key or an OAuth token.
    #[must_use]
    pub fn org_id(&self) -> Option<&str> {
        match self {
            Self::M2m(_) => None,
            Self::ApiKey(key) => key.org_id(),
            Self::OAuth(token) => token.org_id(),
        }
    }

    /// Returns the OAuth application to which an OAuth token was issued.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::M2m(_) | Self::ApiKey(_) => None,
            Self::OAuth(token) => token.client_id(),
        }
    }

    /// Returns how many bytes of memory this refers to, claims as values not counted.
    pub(crate) fn heap_size(&self) -> usize {
        match self {
            Self::M2m(token) => token.heap_size(),
            Self::ApiKey(key) => key.heap_size(),
            Self::OAuth(token) => token.heap_size(),
        }
    }

    pub(crate) fn origin(&self) -> Origin {
        match self {
            Self::M2m(token) => token.origin(),
            Self::ApiKey(key) => key.origin(),
            Self::OAuth(token) => token.origin(),
        }
    }

    pub(crate) fn set_origin(&mut self, origin: Origin) {
        match self {
            Self::M2m(token) => token.set_origin(origin),
            Self::ApiKey(key) => key.set_origin(origin),
            Self::OAuth(token) => token.set_origin(origin),
        }
    }

    /// Returns `true` if its verdict was used past its fresh time.
    pub(crate) fn is_stale(&self) -> bool {
        self.origin().is_stale
    }

    pub(crate) fn mark_stale(&mut self) {
        let is_stale = true;
        self.set_origin(Origin {
            is_stale,
            ..self.origin()
        });
    }

    pub(crate) fn expiry(&self) -> Option<UnixMillis> {
        self.facts().expires_at
    }
}
