//! The layer, and what it can be told.

use std::sync::Arc;

use http::header::HeaderName;
use tower_layer::Layer;

use super::config::Config;
use super::response::ProblemJson;
use super::service::ClerkMachineAuthService;
use crate::authenticator::Authenticator;
use crate::error::Protection;
use crate::jwt::Audience;
use crate::scope::{ScopeListError, ScopePolicy};
use crate::token::{TokenType, TokenTypes};

/// Lets in requests that carry a machine token, and gives handlers a
/// [`MachineAuth`](crate::MachineAuth).
///
/// Mount it where it protects: it looks at no path. Works with every `http` body, so with axum,
/// hyper and tonic alike.
///
/// | the request | is answered with |
/// |---|---|
/// | no token, or another scheme | 401; let in without identity under [`optional`](Self::optional) |
/// | two tokens, a malformed or an oversized one | 400 |
/// | a token that is not valid here, for whatever reason | 401, always the same |
/// | a token without a required scope | 403 |
/// | a token that cannot be verified just now | 503 with `Retry-After` |
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "axum")]
/// # fn app(clerk: clerk_machine_auth::Authenticator) -> axum::Router {
/// use axum::{Json, Router, routing::get};
/// use clerk_machine_auth::{ClerkMachineAuth, MachineAuth, RequireScopes};
///
/// async fn whoami(auth: MachineAuth) -> Json<MachineAuth> {
///     Json(auth)
/// }
///
/// Router::new()
///     .route("/whoami", get(whoami))
///     .route("/reports", get(whoami).route_layer(RequireScopes::all(["reports:read"])))
///     .layer(ClerkMachineAuth::new(clerk))
/// # }
/// ```
///
/// # Layers inside each other
///
/// A layer inside another one of the same [`Authenticator`] (all clones are the same) takes the
/// identity that the outer one let in, and holds it against its own rules: accepted types, formats,
/// scopes, and whether a token is needed. It rejects what it would reject alone, and verifies
/// nothing again. So a service can let in all types outside, and API keys only on some routes. A
/// layer inside one of *another* authenticator answers every request that the outer one
/// authenticated with 500, and logs the fix.
///
/// # Security
///
/// What stands in the request's extensions under the types of this crate, and was not put there by
/// such an outer layer, is removed first. The token is taken off the request, unless
/// [`forward_token`](Self::forward_token) says otherwise. Put the layer outside of caches and of
/// whatever logs header fields.
#[derive(Debug, Clone)]
#[must_use]
pub struct ClerkMachineAuth<R = ProblemJson> {
    config: Config<R>,
}

impl ClerkMachineAuth {
    /// Protects with this authenticator, in the default way.
    pub fn new(authenticator: Authenticator) -> Self {
        Self {
            config: Config {
                source: authenticator.token_source(None),
                authenticator,
                accept: TokenTypes::all(),
                revocable_only: false,
                scopes: None,
                optional: false,
                forward_token: false,
                allow_cors_preflight: false,
                audience: Audience::default(),
                protection: None,
                metadata_paths: Box::default(),
                rejection: ProblemJson,
            },
        }
    }

    /// Protects a resource that OAuth clients find by its metadata.
    pub(crate) fn of_resource(
        authenticator: Authenticator,
        url: &str,
        metadata_url: &str,
        metadata_paths: Box<[Box<str>]>,
    ) -> Self {
        let mut layer = Self::new(authenticator).accept([TokenType::OAuth]);
        layer.config.audience = Audience::default().with_resources([url]);
        layer.config.metadata_paths = metadata_paths;
        layer.protection().resource_metadata = Some(metadata_url.into());
        layer
    }
}

impl<R> ClerkMachineAuth<R> {
    /// Lets requests without a token in, without identity.
    ///
    /// A token that is there and bad is rejected all the same.
    pub const fn optional(mut self) -> Self {
        self.config.optional = true;
        self
    }

    /// Accepts these types of token only, of those that the authenticator accepts.
    ///
    /// A token of another type is rejected before anybody is asked about it. An empty list is a
    /// mistake: every request is answered with 500, and the log says why.
    pub fn accept(mut self, types: impl IntoIterator<Item = TokenType>) -> Self {
        self.config.accept = TokenTypes::from_iter(types);
        self
    }

    /// Accepts only tokens that Clerk can revoke: opaque ones.
    ///
    /// A JWT is valid until it expires, whatever Clerk does meanwhile. Where that is too long, such
    /// as for a route that deletes, let callers present an opaque token: its revocation is seen
    /// within the fresh time of a verdict. A JWT is rejected as a type that is not accepted, before
    /// any signature work.
    ///
    /// # Examples
    ///
    /// ```
    /// # use clerk_machine_auth::{Authenticator, ClerkMachineAuth};
    /// # fn layers(clerk: Authenticator) {
    /// let everywhere = ClerkMachineAuth::new(clerk.clone());
    /// let deletions = ClerkMachineAuth::new(clerk).revocable_only();
    /// # }
    /// ```
    pub const fn revocable_only(mut self) -> Self {
        self.config.revocable_only = true;
        self
    }

    /// Lets in only tokens that have all of these scopes; an empty list does not compile.
    ///
    /// M2M tokens have the scopes that
    /// [`AuthenticatorBuilder::grant_scopes`](crate::AuthenticatorBuilder::grant_scopes) grants to
    /// the sending machine, and no others.
    ///
    /// For some routes only, or for any one of several scopes, see
    /// [`RequireScopes`](super::RequireScopes); for a list that is known only when the service runs,
    /// [`try_require_scopes`](Self::try_require_scopes).
    ///
    /// # Security
    ///
    /// A list with a scope that cannot be one (RFC 6749 §3.3) lets nobody in: every request is
    /// answered with 500, and the log says why.
    pub fn require_scopes<S: AsRef<str>, const N: usize>(mut self, scopes: [S; N]) -> Self {
        const { assert!(N > 0, "the list of required scopes is empty") };
        self.config.scopes = Some(ScopePolicy::all(scopes));
        self
    }

    /// Lets in only tokens that have all scopes of a list that is known only when the service runs.
    ///
    /// # Errors
    ///
    /// Fails for an empty list, and for a scope that cannot be one.
    pub fn try_require_scopes<S: AsRef<str>>(
        mut self,
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<Self, ScopeListError> {
        self.config.scopes = Some(Ok(ScopePolicy::all(scopes)?));
        Ok(self)
    }

    /// Lets a token with the scope `broad` do what asks for one of `narrow`; nothing is implied that
    /// is not listed, and no list is followed from one scope to the next.
    ///
    /// Counts for this layer and for what asks for scopes inside it: layers,
    /// [`RequireScopes`](super::RequireScopes) and [`require_scopes`](crate::require_scopes()), not for
    /// [`MachineAuth::has_scope`](crate::MachineAuth::has_scope), which tells what the token itself
    /// has. A challenge names the scopes that are asked for.
    pub fn implies<S: AsRef<str>>(
        mut self,
        broad: impl AsRef<str>,
        narrow: impl IntoIterator<Item = S>,
    ) -> Self {
        let implications = &mut self.protection().implications;
        implications.add(broad.as_ref(), narrow);
        self
    }

    /// Names the realm in challenges (RFC 9110 §11.5); `api` by default.
    ///
    /// Quotes are escaped. Other characters than visible ASCII and the space, which no quoted string
    /// may hold, are replaced by `?`.
    pub fn realm(mut self, realm: impl AsRef<str>) -> Self {
        self.protection().set_realm(realm.as_ref());
        self
    }

    fn protection(&mut self) -> &mut Protection {
        Arc::make_mut(self.config.protection.get_or_insert_default())
    }

    /// Takes a token from this field too, such as `x-api-key`, without a scheme.
    ///
    /// A request that carries a token in both fields is malformed.
    pub fn api_key_header(mut self, name: HeaderName) -> Self {
        self.config.source.api_key_header = Some(name);
        self
    }

    /// Leaves the token in the request for the handler; it is taken off by default.
    pub const fn forward_token(mut self, forward: bool) -> Self {
        self.config.forward_token = forward;
        self
    }

    pub(crate) const fn forwards_token(&self) -> bool {
        self.config.forward_token
    }

    /// Lets CORS preflights in without a token: `OPTIONS` with `Origin` and
    /// `Access-Control-Request-Method`.
    ///
    /// Better, put a CORS layer outside of this one.
    pub const fn allow_cors_preflight(mut self, allow: bool) -> Self {
        self.config.allow_cors_preflight = allow;
        self
    }

    /// Answers rejections in a way of your own; see
    /// [`ResponseForAuthError`](super::ResponseForAuthError).
    pub fn on_rejection<N>(self, rejection: N) -> ClerkMachineAuth<N> {
        let Config {
            authenticator,
            source,
            accept,
            scopes,
            audience,
            protection,
            metadata_paths,
            ..
        } = self.config;
        ClerkMachineAuth {
            config: Config {
                authenticator,
                source,
                accept,
                scopes,
                revocable_only: self.config.revocable_only,
                optional: self.config.optional,
                forward_token: self.config.forward_token,
                allow_cors_preflight: self.config.allow_cors_preflight,
                audience,
                protection,
                metadata_paths,
                rejection,
            },
        }
    }
}

impl<S, R: Clone> Layer<S> for ClerkMachineAuth<R> {
    type Service = ClerkMachineAuthService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        ClerkMachineAuthService::new(inner, Arc::new(self.config.clone()))
    }
}
