//! The layer and its settings.

use std::sync::Arc;

use http::header::HeaderName;
use tower_layer::Layer;

use super::config::Config;
use super::decision::{Decision, Hook};
use super::recorder::Observers;
use super::response::ProblemJson;
use super::service::ClerkMachineAuthService;
use crate::authenticator::Authenticator;
use crate::error::Protection;
use crate::jwt::Audience;
use crate::scope::{ScopeListError, ScopePolicy};
use crate::token::{TokenType, TokenTypes};

/// Layer that authenticates machine tokens and inserts a [`MachineAuth`](crate::MachineAuth) into
/// the request.
///
/// It protects the service that it wraps, regardless of paths. It works with every `http` body
/// type, and so with axum, hyper and tonic.
///
/// | request | response |
/// |---|---|
/// | no token, or another scheme | 401; with [`optional`](Self::optional), admitted without an identity |
/// | two tokens, or a malformed or oversized token | 400 |
/// | a token that is not valid here, for any reason | 401, always identical |
/// | a token without a required scope | 403 |
/// | a token that cannot be verified right now | 503 with `Retry-After` |
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
/// # Nested layers
///
/// A layer inside another one of the same [`Authenticator`] (or a clone of it) uses the identity of
/// the outer layer and applies its own rules: accepted types, formats, scopes, and whether a token
/// is required. It rejects what it would reject alone, and does not verify the token again. A
/// service can thus accept all token types in general, and only API keys on some routes. A layer
/// inside one of *another* authenticator responds with 500 to every request that the outer one
/// authenticated, and logs the fix.
///
/// # Security
///
/// Values of this crate's types in the request's extensions are removed first, unless an outer
/// layer inserted them. The token is removed from the request, unless
/// [`forward_token`](Self::forward_token) is set. Put this layer outside of caches and of
/// everything that logs header fields.
#[derive(Debug, Clone)]
#[must_use]
pub struct ClerkMachineAuth<R = ProblemJson> {
    config: Config<R>,
}

impl ClerkMachineAuth {
    /// Creates a layer with this authenticator and the default settings.
    pub fn new(authenticator: Authenticator) -> Self {
        Self {
            config: Config {
                source: authenticator.token_source(None),
                authenticator,
                accept: TokenTypes::all(),
                revocable_only: false,
                scopes: None,
                optional: false,
                pass_other_tokens: false,
                forward_token: false,
                allow_cors_preflight: false,
                audience: Audience::default(),
                protection: None,
                metadata_paths: Box::default(),
                observers: None,
                rejection: ProblemJson,
            },
        }
    }

    /// Creates the layer of a protected resource, which OAuth clients discover by its metadata.
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
    /// Admits requests without a token, without an identity.
    ///
    /// An invalid token is still rejected.
    pub const fn optional(mut self) -> Self {
        self.config.optional = true;
        self
    }

    /// Passes requests with a bearer token that is not a machine token on to the inner service, for
    /// another layer to verify.
    ///
    /// For routes that serve users with session tokens and machines. Such a request gets no identity,
    /// keeps its token, and is marked with [`OtherToken`](super::OtherToken). An invalid machine token
    /// is rejected as always, and so is a token that resembles one: with one of Clerk's prefixes, or a
    /// JWT with `typ` `at+jwt`, with a machine as its subject, or that cannot be parsed. A request
    /// without a token is rejected, unless [`optional`](Self::optional) is set too.
    ///
    /// # Security
    ///
    /// Any other bearer token gets past this layer, whatever scopes the layer requires. The layer that
    /// verifies those tokens belongs directly inside, and must reject what it cannot verify. See [the guide](crate::docs::neighbours).
    pub const fn pass_other_tokens(mut self) -> Self {
        self.config.pass_other_tokens = true;
        self
    }

    /// Accepts only these token types, of those that the authenticator accepts.
    ///
    /// A token of another type is rejected without a call. With an empty list, every request gets
    /// 500, and the log names the cause.
    pub fn accept(mut self, types: impl IntoIterator<Item = TokenType>) -> Self {
        self.config.accept = TokenTypes::from_iter(types);
        self
    }

    /// Accepts only tokens that Clerk can revoke, i.e. opaque tokens.
    ///
    /// A JWT stays valid until it expires. If that is too long, for example on a route that deletes
    /// something, require opaque tokens, whose revocation takes effect within the fresh time of a
    /// verdict. A JWT is rejected like a token type that is not accepted, before any signature
    /// work.
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

    /// Requires all of these scopes; an empty list does not compile.
    ///
    /// M2M tokens only have the scopes that
    /// [`AuthenticatorBuilder::grant_scopes`](crate::AuthenticatorBuilder::grant_scopes) grants to
    /// the sending machine.
    ///
    /// To require scopes on some routes, or any one of several scopes, use
    /// [`RequireScopes`](super::RequireScopes). If the list is only known at run time, use
    /// [`try_require_scopes`](Self::try_require_scopes).
    ///
    /// # Security
    ///
    /// With an invalid scope (RFC 6749 §3.3) in the list, every request gets 500, and the log names
    /// the cause.
    pub fn require_scopes<S: AsRef<str>, const N: usize>(mut self, scopes: [S; N]) -> Self {
        const { assert!(N > 0, "the list of required scopes is empty") };
        self.config.scopes = Some(ScopePolicy::all(scopes));
        self
    }

    /// Requires all scopes of a list that is only known at run time.
    ///
    /// # Errors
    ///
    /// Fails if the list is empty or contains an invalid scope.
    pub fn try_require_scopes<S: AsRef<str>>(
        mut self,
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<Self, ScopeListError> {
        self.config.scopes = Some(Ok(ScopePolicy::all(scopes)?));
        Ok(self)
    }

    /// Lets the scope `broad` satisfy requirements for the scopes `narrow`; implications are not
    /// transitive.
    ///
    /// This applies to this layer and to scope checks inside it: layers,
    /// [`RequireScopes`](super::RequireScopes) and [`require_scopes`](crate::require_scopes()). It
    /// does not apply to [`MachineAuth::has_scope`](crate::MachineAuth::has_scope), which checks
    /// the token's own scopes. A challenge lists the required scopes.
    pub fn implies<S: AsRef<str>>(
        mut self,
        broad: impl AsRef<str>,
        narrow: impl IntoIterator<Item = S>,
    ) -> Self {
        let implications = &mut self.protection().implications;
        implications.add(broad.as_ref(), narrow);
        self
    }

    /// Sets the realm of challenges (RFC 9110 §11.5); `api` by default.
    ///
    /// Quotes are escaped. Characters other than visible ASCII and the space, which are not allowed
    /// in a quoted string, are replaced by `?`.
    pub fn realm(mut self, realm: impl AsRef<str>) -> Self {
        self.protection().set_realm(realm.as_ref());
        self
    }

    fn protection(&mut self) -> &mut Protection {
        Arc::make_mut(self.config.protection.get_or_insert_default())
    }

    /// Also reads the token from this header field, such as `x-api-key`, without a scheme.
    ///
    /// A request that carries a token in both fields is malformed.
    pub fn api_key_header(mut self, name: HeaderName) -> Self {
        self.config.source.api_key_header = Some(name);
        self
    }

    /// Leaves the token in the request for the handler; by default it is removed.
    pub const fn forward_token(mut self, forward: bool) -> Self {
        self.config.forward_token = forward;
        self
    }

    pub(crate) const fn forwards_token(&self) -> bool {
        self.config.forward_token
    }

    /// Admits CORS preflights without a token: `OPTIONS` with `Origin` and
    /// `Access-Control-Request-Method`.
    ///
    /// It is better to put a CORS layer outside of this one.
    pub const fn allow_cors_preflight(mut self, allow: bool) -> Self {
        self.config.allow_cors_preflight = allow;
        self
    }

    /// Calls this function with every decision, allowed and rejected, once the response is there.
    ///
    /// For counters and logs of your own. It is called where the response is made: let it do little,
    /// and never wait. A panic in it is logged and costs the request nothing. A layer inside another
    /// one of the same authenticator tells nothing; the outer one does.
    ///
    /// # Examples
    ///
    /// ```
    /// # use clerk_machine_auth::{Authenticator, ClerkMachineAuth};
    /// # fn layer(clerk: Authenticator) -> ClerkMachineAuth {
    /// ClerkMachineAuth::new(clerk).on_decision(|decision| {
    ///     if decision.stale {
    ///         println!("{:?} was let in by a verdict past its fresh time", decision.subject);
    ///     }
    /// })
    /// # }
    /// ```
    ///
    /// # Security
    ///
    /// A [`Decision`](super::Decision) names machines and people. The reason of a rejection is not
    /// for clients.
    pub fn on_decision(mut self, hook: impl Fn(&Decision<'_>) + Send + Sync + 'static) -> Self {
        self.observers().hook = Some(Hook::new(hook));
        self
    }

    /// Writes an audit log: one `tracing` event for each decision, with the target
    /// `clerk_machine_auth::audit` and the level `INFO`.
    ///
    /// Its field `event` has the words of OWASP's logging vocabulary: `authn_login_success`,
    /// `authn_login_fail`, `authn_token_reuse` for a token on the local
    /// [revocation list](crate::Revocations), and `authz_fail` for a missing scope; a request that
    /// needs no token is `anonymous`. The other fields are `outcome`, `reason`, `status`,
    /// `token_type`, `token_id`, `subject`, `client_id`, `cached`, `stale` and `dropped`.
    ///
    /// At most 1 000 rejections in a second are written. `dropped` is the number of those that were
    /// not written since the previous event.
    ///
    /// # Security
    ///
    /// Subjects and identifiers are personal data: decide where these events go and how long they
    /// are kept. No event holds a token or a byte that was not verified.
    pub fn audit(mut self, audit: bool) -> Self {
        self.observers().audit = audit.then(Arc::default);
        self
    }

    fn observers(&mut self) -> &mut Observers {
        Arc::make_mut(self.config.observers.get_or_insert_default())
    }

    /// Customizes the responses to rejected requests; see
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
            observers,
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
                pass_other_tokens: self.config.pass_other_tokens,
                forward_token: self.config.forward_token,
                allow_cors_preflight: self.config.allow_cors_preflight,
                audience,
                protection,
                metadata_paths,
                observers,
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
