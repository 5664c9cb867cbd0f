//! Who sent the request: the typed identity that handlers receive.

mod actor;
mod api_key;
mod carried;
mod custom;
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
pub(crate) use self::carried::{Admitted, Anonymous, AuthenticatorId, Origin};
pub(crate) use self::custom::CustomClaims;
pub use self::facts::{ClaimsError, TokenFormat};
pub(crate) use self::facts::{Facts, UnixMillis};
pub(crate) use self::grants::{GrantFn, ScopeGrants};
pub use self::m2m::M2mToken;
pub(crate) use self::oauth::OAuthFacts;
pub use self::oauth::OAuthToken;
use crate::scope::Scopes;
use crate::token::TokenType;

/// The machine identity behind a request, proven.
///
/// Cheap to clone. Handlers get it as an axum extractor, or from the request's extensions. The
/// only source of values is a successful verification.
///
/// Serialises to the field names of Clerk's own auth object.
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
    /// Another machine of the instance.
    M2m(M2mToken),
    /// A user or an organization, through a key that it created.
    ApiKey(ApiKey),
    /// A user, through an OAuth application.
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

    /// Returns which of the three types the token is of.
    #[must_use]
    pub const fn token_type(&self) -> TokenType {
        match self {
            Self::M2m(_) => TokenType::M2m,
            Self::ApiKey(_) => TokenType::ApiKey,
            Self::OAuth(_) => TokenType::OAuth,
        }
    }

    /// Returns whether the token was a JWT or opaque.
    #[must_use]
    pub fn format(&self) -> TokenFormat {
        self.facts().format
    }

    /// Returns the identifier of the token (`mt_…`, `ak_…`, `oat_…`); empty for a JWT without `jti`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.facts().id
    }

    /// Returns whom the token speaks for: `mch_…`, `user_…` or `org_…`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.facts().subject
    }

    /// Returns the scopes that the token carries, as Clerk's own auth object does.
    ///
    /// For an opaque M2M token these are the machines that it may reach.
    ///
    /// # Security
    ///
    /// Not what decides for an M2M token, since those of a JWT are its sender's choice: see
    /// [`granted_scopes`](Self::granted_scopes).
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.facts().scopes
    }

    /// Returns the scopes that decide: those that [`has_scope`](Self::has_scope) and
    /// [`RequireScopes`](crate::RequireScopes) look for.
    ///
    /// For an API key and an OAuth token, the scopes that it carries. For an M2M token, the scopes
    /// that this service grants to the sending machine with
    /// [`AuthenticatorBuilder::grant_scopes`](crate::AuthenticatorBuilder::grant_scopes), and none
    /// without it.
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
    /// The scopes in an M2M token are claims that the sending machine chose when it created the
    /// token: they say what it wants to do, not what an administrator allowed. They open nothing,
    /// unless the service asks for it with
    /// [`trust_m2m_scope_claims`](crate::AuthenticatorBuilder::trust_m2m_scope_claims).
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.granted_scopes().contains(scope)
    }

    /// Reads the custom claims of the token into a type of yours.
    ///
    /// # Errors
    ///
    /// Fails if the claims do not fit the type. A token without claims reads as JSON `null`.
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
    /// They are parsed at the first call, once for each request: the cache keeps their text only.
    #[must_use]
    pub fn raw_claims(&self) -> Option<&Value> {
        match self {
            Self::M2m(token) => token.raw_claims(),
            Self::ApiKey(key) => key.raw_claims(),
            Self::OAuth(token) => token.raw_claims(),
        }
    }

    /// Returns when the token was issued, where that is known.
    #[must_use]
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.facts().issued_at.map(UnixMillis::to_system_time)
    }

    /// Returns when the token expires; `None` for one that never does.
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
    /// Never a machine: a subject `mch_…` does not become a user.
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

    /// Returns the OAuth application that an OAuth token was issued to.
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

    pub(crate) fn expiry(&self) -> Option<UnixMillis> {
        self.facts().expires_at
    }
}
